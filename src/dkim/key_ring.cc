#include "dkim/key_ring.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>

#include "base/secret.h"
#include "base/text.h"
#include "dkim/signature.h"
#include "mail/address.h"

namespace mxpost::dkim {
namespace {

constexpr std::chrono::seconds kLookAgainAfter{1};
constexpr std::size_t kLargestFile = 32768;  // RSA keys have about 3 kB

bool is_same(const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool is_below(std::string_view name, std::string_view domain) {
    return name.size() > domain.size() && name.ends_with(domain) &&
           name[name.size() - domain.size() - 1] == '.';
}

bool is_for(const KeyEntry& entry, std::string_view domain) {
    return entry.is_below ? is_below(domain, entry.domain) : entry.domain == domain;
}

/// An entry that is nearer to the domain than another one for it. Its own is longer than any above.
bool is_nearer(const KeyEntry& a, const KeyEntry& b) {
    return a.domain.size() > b.domain.size();
}

KeyProblem trouble(const KeyEntry& entry, const Error& error) {
    KeyProblem problem;
    problem.is_forbidden = error.is(EACCES) || error.is(EPERM);
    problem.text = "can't read the DKIM key " + entry.path + ": " + error.code().message() +
                   (problem.is_forbidden ? " (it should have mode 640 and group mxpost)" : "");
    return problem;
}

}  // namespace

bool KeyRing::Version::operator==(const Version& other) const {
    return device == other.device && inode == other.inode && size == other.size &&
           mode == other.mode && is_same(modified, other.modified) &&
           is_same(changed, other.changed);
}

KeyRing::Version KeyRing::version_of(const struct stat& status) {
    return {
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mode,
        status.st_mtim,
        status.st_ctim};
}

KeyRing::KeyRing(FileSystem& files, const Clock& clock, std::vector<KeyEntry> entries)
    : files_(files), clock_(clock), entries_(std::move(entries)), slots_(entries_.size()) {}

KeyChoice KeyRing::choose(std::string_view domain) {
    const KeyEntry* nearest = nullptr;
    for (const KeyEntry& entry : entries_) {
        if (is_for(entry, domain) && (nearest == nullptr || is_nearer(entry, *nearest))) {
            nearest = &entry;
        }
    }
    KeyChoice choice;
    choice.is_meant = nearest != nullptr;
    for (std::size_t i = 0; nearest != nullptr && i < entries_.size(); ++i) {
        const KeyEntry& entry = entries_[i];
        if (!is_for(entry, domain) || entry.domain != nearest->domain) {
            continue;
        }
        Slot& slot = slots_[i];
        refresh(entry, slot);
        if (!slot.warning.empty()) {
            choice.warnings.push_back(std::exchange(slot.warning, {}));
        }
        if (slot.key) {
            choice.keys.push_back({entry.domain, entry.selector, slot.key});
        } else {
            choice.problems.push_back(slot.problem);
        }
    }
    return choice;
}

LoadedKey KeyRing::load(const KeyEntry& entry) {
    Slot slot;
    refresh(entry, slot);
    return {std::move(slot.key), std::move(slot.problem)};
}

/// Opened rather than looked at: what a symbolic link points to may change.
void KeyRing::refresh(const KeyEntry& entry, Slot& slot) {
    const SteadyTime now = clock_.steady_now();
    if (slot.is_known && now - slot.looked_at < kLookAgainAfter) {
        return;
    }
    slot.is_known = true;
    slot.looked_at = now;
    const auto file = files_.open(AT_FDCWD, entry.path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    const auto status = file ? files_.fstat(file->get()) : Result<struct stat>(file.error());
    if (!status) {
        slot.version.reset();
        slot.key.reset();
        slot.problem = trouble(entry, status.error());
        return;
    }
    const Version version = version_of(*status);
    if (slot.version == version) {
        return;
    }
    slot.version = version;
    slot.key.reset();
    if (!S_ISREG(status->st_mode)) {
        slot.problem = {false, "the DKIM key " + entry.path + " is not a regular file"};
        return;
    }
    read(entry, file->get(), slot);
    if ((status->st_mode & 0007U) != 0) {
        slot.warning = "the DKIM key " + entry.path + " is open to everybody, who can sign as " +
                       entry.domain + " with it: chmod 640";
    }
}

void KeyRing::read(const KeyEntry& entry, int fd, Slot& slot) {
    std::string text(kLargestFile, '\0');
    std::size_t filled = 0;
    while (filled < text.size()) {
        const auto size = files_.read(fd, text.data() + filled, text.size() - filled);
        if (!size) {
            slot.version.reset();
            slot.problem = trouble(entry, size.error());
            wipe(text);
            return;
        }
        if (*size == 0) {
            break;
        }
        filled += *size;
    }
    auto key = PrivateKey::from_pem(std::string_view(text).substr(0, filled));
    wipe(text);
    if (key) {
        slot.key = std::make_shared<const PrivateKey>(std::move(*key));
    } else {
        slot.problem = {false, "the DKIM key " + entry.path + " " + key.error().message()};
    }
}

std::string from_domain(std::string_view header) {
    for (const std::string_view field : split_fields(header)) {
        const std::size_t colon = std::min(field.find(':'), field.size());
        if (ascii_iequals(trim(field.substr(0, colon)), "From") && colon < field.size()) {
            const auto list = mail::parse_address_list(field.substr(colon + 1));
            return list.addresses.empty() ? std::string() : list.addresses.front().domain();
        }
    }
    return {};
}

}  // namespace mxpost::dkim
