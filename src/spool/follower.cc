#include "spool/follower.h"

#include <array>

namespace mxpost::spool {

std::optional<Record> RecordStream::next() {
    while (const auto parsed = parse_record(pending_)) {
        pending_.erase(0, parsed->size);
        if (parsed->record) {
            return parsed->record;
        }
    }
    return std::nullopt;
}

Result<std::vector<Record>> JournalFollower::poll() {
    std::array<char, 8192> buffer{};
    while (true) {
        const auto got = files_->pread(fd_, buffer.data(), buffer.size(), offset_);
        if (!got) {
            return got.error();
        }
        if (*got == 0) {
            break;
        }
        offset_ += *got;
        stream_.feed({buffer.data(), *got});
    }
    std::vector<Record> records;
    while (auto record = stream_.next()) {
        records.push_back(std::move(*record));
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
