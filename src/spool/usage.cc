#include "spool/usage.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/crc32c.h"
#include "spool/entry_name.h"
#include "spool/fields.h"
#include "spool/file_format.h"

namespace mxpost::spool {
namespace {

constexpr int kSafeFlags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

/// One entry of the file: four numbers and their checksum. All entries count. The first is a count
/// of the messages themselves, and says when that was made; in the others the time is 0.
struct Entry {
    static constexpr std::size_t kSize = 40;

    std::string encode() const {
        std::string octets;
        for (const std::uint64_t number : {time, usage.messages, usage.octets, usage.recipients}) {
            put_u64(octets, number);
        }
        put_u64(octets, crc32c(0, octets));
        return octets;
    }
    static std::optional<Entry> decode(std::string_view octets) {
        if (octets.size() < kSize ||
            get_u64(octets.substr(32)) != crc32c(0, octets.substr(0, 32))) {
            return std::nullopt;
        }
        return Entry{
            get_u64(octets),
            {get_u64(octets.substr(8)), get_u64(octets.substr(16)), get_u64(octets.substr(24))}};
    }

    std::uint64_t time = 0;  // microseconds since 1970
    Usage usage;
};

/// Without overflow, whatever stands in the file.
void add(std::uint64_t& sum, std::uint64_t more) {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
    sum = std::min(kMost, std::min(kMost, sum) + std::min(kMost, more));
}
void add(Usage& sum, const Usage& more) {
    add(sum.messages, more.messages);
    add(sum.octets, more.octets);
    add(sum.recipients, more.recipients);
}

std::string read_at(FileSystem& files, int fd, std::uint64_t offset, std::size_t most) {
    std::string octets(most, '\0');
    std::size_t have = 0;
    while (have < most) {
        const auto got = files.pread(fd, octets.data() + have, most - have, offset + have);
        if (!got || *got == 0) {
            break;
        }
        have += *got;
    }
    octets.resize(have);
    return octets;
}

/// What a message's file says of itself, its checksums unchecked: only its owner's own limits
/// depend on it.
Usage look_at(FileSystem& files, const Box& box, const std::string& name) {
    Usage usage{1, 0, 1};
    const auto file = files.open(box.directory(), name, O_RDONLY | kSafeFlags);
    const auto status = file ? files.fstat(file->get()) : Result<struct stat>(file.error());
    if (!status || !S_ISREG(status->st_mode)) {
        return usage;
    }
    usage.octets = static_cast<std::uint64_t>(status->st_size);
    const auto preamble = Preamble::decode(read_at(files, file->get(), 0, kPreambleSize));
    if (!preamble || preamble->journal_offset() > usage.octets) {
        return usage;
    }
    usage.octets = preamble->header_size + 2 + preamble->body_size;
    const std::string envelope =
        read_at(files, file->get(), kPreambleSize, preamble->envelope_size);
    usage.recipients = std::max<std::uint64_t>(1, count_recipients(envelope));
    return usage;
}

class Ledger {
public:
    /// More entries than this are added up to one.
    static constexpr std::size_t kMostEntries = 400;

    Ledger(FileSystem& files, const Box& box, Fd file)
        : files_(files), box_(box), file_(std::move(file)) {}

    /// The sum of all entries; nothing when the file isn't whole.
    std::optional<Usage> sum() {
        const std::string octets =
            read_at(files_, file_.get(), 0, (2 * kMostEntries + 1) * Entry::kSize);
        const auto first = Entry::decode(octets);
        if (!first || first->time == 0 || octets.size() % Entry::kSize != 0 ||
            octets.size() > 2 * kMostEntries * Entry::kSize) {
            return std::nullopt;
        }
        base_ = *first;
        Usage total = first->usage;
        for (std::size_t at = Entry::kSize; at < octets.size(); at += Entry::kSize) {
            const auto entry = Entry::decode(std::string_view(octets).substr(at));
            if (!entry) {
                return std::nullopt;
            }
            add(total, entry->usage);
        }
        if (octets.size() > kMostEntries * Entry::kSize) {
            replace({base_.time, total});
        }
        return total;
    }

    Result<Usage> count(WallTime now) {
        const auto before = files_.fstat(file_.get());
        auto total = count_messages(files_, box_);
        if (!total) {
            return total.error();
        }
        // What others have added meanwhile may not have been there to be counted.
        if (before && before->st_size >= 0) {
            const std::string later = read_at(
                files_,
                file_.get(),
                static_cast<std::uint64_t>(before->st_size),
                kMostEntries * Entry::kSize
            );
            for (std::size_t at = 0; at < later.size(); at += Entry::kSize) {
                const auto entry = Entry::decode(std::string_view(later).substr(at));
                if (entry && entry->time == 0) {  // else another's count of the same messages
                    add(*total, entry->usage);
                }
            }
        }
        base_ = {
            static_cast<std::uint64_t>(std::max<std::int64_t>(1, now.time_since_epoch().count())),
            *total};
        replace(base_);
        return total;
    }

    /// Counting takes some microseconds a message: so that a large queue at its limit isn't counted
    /// for each of its owner's tries. A millisecond of waiting for each message.
    bool is_fresh(WallTime now) const {
        constexpr std::uint64_t kFew = 1000;
        const auto microseconds = now.time_since_epoch().count();
        const auto time = static_cast<std::int64_t>(base_.time);
        return base_.usage.messages >= kFew && time <= microseconds &&
               static_cast<std::uint64_t>(microseconds - time) < base_.usage.messages * 1000;
    }

    void append(const Usage& usage) {
        // Where that fails the next one finds half an entry, and counts.
        (void)files_.write(file_.get(), Entry{0, usage}.encode()).has_value();
    }

private:
    /// Entries that are added between the two steps stay; a reader between them counts for itself.
    void replace(const Entry& entry) {
        const auto locked = files_.try_lock(file_.get());
        if (locked && *locked && files_.ftruncate(file_.get(), 0)) {
            (void)files_.write(file_.get(), entry.encode()).has_value();
        }
        (void)files_.unlock(file_.get()).has_value();
    }

    FileSystem& files_;
    const Box& box_;
    Fd file_;
    Entry base_;
};

UsageVerdict judge(
    const Usage& usage, const UsageLimits& limits, std::uint64_t octets, std::uint64_t recipients
) {
    const auto exceeds = [](std::uint64_t used, std::uint64_t more, std::uint64_t limit) {
        return used > limit || more > limit - used;
    };
    if (exceeds(usage.messages, 1, limits.messages)) {
        return UsageVerdict::too_many_messages;
    }
    if (exceeds(usage.octets, octets, limits.octets)) {
        return UsageVerdict::too_many_octets;
    }
    return exceeds(usage.recipients, recipients, limits.recipients)
               ? UsageVerdict::too_many_recipients
               : UsageVerdict::within;
}

/// Whatever the messages are.
bool is_surely_within(std::uint64_t entries, const UsageLimits& limits) {
    const auto fits = [&](std::uint64_t each, std::uint64_t limit) {
        return each == 0 || (entries + 1) <= limit / each;
    };
    return fits(1, limits.messages) && fits(limits.message_octets, limits.octets) &&
           fits(limits.message_recipients, limits.recipients);
}

}  // namespace

std::uint64_t most_entries(std::uint64_t directory_size) {
    // Directories made of blocks (ext4, XFS) spend 36 octets and more on a message's name;
    // elsewhere the size may be the number of entries itself (ZFS).
    constexpr std::uint64_t kSector = 512;
    constexpr std::uint64_t kSmallestEntry = 32;
    return directory_size % kSector == 0 ? directory_size / kSmallestEntry : directory_size;
}

Result<Usage> count_messages(FileSystem& files, const Box& box) {
    Usage total;
    auto listed = files.list(box.directory(), [&](std::string_view name, unsigned char) {
        if (EntryName::parse(name)) {
            add(total, look_at(files, box, std::string(name)));
        }
        return true;
    });
    if (!listed) {
        return listed.error();
    }
    return total;
}

Result<UsageVerdict> count_in(
    FileSystem& files,
    const Box& box,
    const UsageLimits& limits,
    std::uint64_t octets,
    std::uint64_t recipients,
    WallTime now
) {
    const auto directory = files.fstat(box.directory());
    if (!directory) {
        return directory.error();
    }
    if (is_surely_within(most_entries(static_cast<std::uint64_t>(directory->st_size)), limits)) {
        return UsageVerdict::within;
    }
    auto file =
        files.open(box.directory(), kUsageName, O_RDWR | O_CREAT | O_APPEND | kSafeFlags, 0660);
    const auto status = file ? files.fstat(file->get()) : Result<struct stat>(file.error());
    if (!status || !S_ISREG(status->st_mode)) {
        const auto usage = count_messages(files, box);  // the slow way, then
        return usage ? Result<UsageVerdict>(judge(*usage, limits, octets, recipients))
                     : usage.error();
    }
    Ledger ledger(files, box, std::move(*file));
    const auto sum = ledger.sum();
    UsageVerdict verdict = sum ? judge(*sum, limits, octets, recipients) : UsageVerdict::within;
    if (!sum || (verdict != UsageVerdict::within && !ledger.is_fresh(now))) {
        const auto counted = ledger.count(now);
        if (!counted) {
            return counted.error();
        }
        verdict = judge(*counted, limits, octets, recipients);
    }
    if (verdict == UsageVerdict::within) {
        ledger.append({1, octets, recipients});
    }
    return verdict;
}

}  // namespace mxpost::spool
