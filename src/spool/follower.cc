#include "spool/follower.h"

#include <array>

#include "spool/message_file.h"

namespace mxpost::spool {

void RecordStream::feed(std::string_view octets) {
    pending_.erase(0, used_);
    used_ = 0;
    pending_ += octets;
}

std::optional<Record> RecordStream::next() {
    while (const auto parsed = parse_record(std::string_view(pending_).substr(used_))) {
        used_ += parsed->size;
        if (parsed->record) {
            return parsed->record;
        }
    }
    return std::nullopt;
}

Result<std::vector<Record>> JournalFollower::poll() {
    std::string octets;
    std::array<char, 8192> buffer{};
    while (octets.size() < kMaxJournal) {
        const auto got = files_->pread(fd_, buffer.data(), buffer.size(), offset_ + octets.size());
        if (!got) {
            return got.error();
        }
        if (*got == 0) {
            break;
        }
        octets.append(buffer.data(), *got);
    }
    std::vector<Record> records;
    std::string_view rest = octets;
    while (auto parsed = parse_record(rest)) {
        if (parsed->record) {
            records.push_back(std::move(*parsed->record));
        }
        rest.remove_prefix(parsed->size);
        offset_ += parsed->size;
    }
    return records;
}

Result<bool> JournalFollower::is_removed() const {
    const auto status = files_->fstat(fd_);
    if (!status) {
        return status.error();
    }
    return status->st_nlink == 0;
}

}  // namespace mxpost::spool
