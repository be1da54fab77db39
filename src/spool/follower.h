// Following a journal while an engine writes it: sendmail -odi and -v wait this way, and the engine
// of a spool-less message reports the same records through a pipe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "spool/journal.h"

namespace mxpost::spool {

/// Octets in any pieces -> whole records.
class RecordStream {
public:
    void feed(std::string_view octets);
    /// The next whole record, in order; types of later versions are passed over.
    std::optional<Record> next();

private:
    std::string pending_;
    std::size_t used_ = 0;  // octets at the front of pending_ that were records already
};

/// Reads what was appended to the message file `fd` since the last look, also after its removal.
/// Looks at the octets behind the last whole record anew each time: a record may be seen half
/// written, and what a crashed engine left half written is cut off by the next one.
class JournalFollower {
public:
    JournalFollower(FileSystem& files, int fd, std::uint64_t journal_offset)
        : files_(&files), fd_(fd), offset_(journal_offset) {}
    Result<std::vector<Record>> poll();
    /// True when the message has no name any more: removed, after its last record.
    Result<bool> is_removed() const;

private:
    FileSystem* files_;
    int fd_;
    std::uint64_t offset_;  // behind the last whole record
};

}  // namespace mxpost::spool
