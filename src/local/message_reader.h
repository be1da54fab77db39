// MessageReader: the message that came with a request, line by line. The descriptor is the
// engine's, who may change the file at any moment: everything is bounded by the size at the start.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/result.h"

namespace mxpost::local {

class MessageReader {
public:
    /// The file must be a regular one of at most `limit` octets. `files` and `fd` must outlive it.
    static Result<MessageReader> open(FileSystem& files, int fd, std::uint64_t limit);

    std::uint64_t size() const { return size_; }
    /// The whole message from its start, in pieces of bounded size; `take` may fail, which ends it.
    Result<void> read(const std::function<Result<void>(std::string_view)>& take) const;

private:
    MessageReader(FileSystem& files, int fd, std::uint64_t size)
        : files_(&files), fd_(fd), size_(size) {}

    FileSystem* files_;
    int fd_;
    std::uint64_t size_;
};

/// The line that begins a message in an mbox and on a program's input:
/// "From alice@example.com Mon Jan  1 13:05:09 2024", without line end. `sender` "" is the null
/// path: MAILER-DAEMON.
std::string from_line(std::string_view sender, WallTime now);

/// Quotes lines that would begin another message in an mbox ("From " becomes ">From "), and ends
/// the last line; wherever the text is cut into pieces.
class FromQuoter {
public:
    std::string quote(std::string_view piece);
    /// What is left, and the line end that the message may lack.
    std::string finish();

private:
    std::string held_;  // the start of a line that may become "From "
    bool is_line_start_ = true;
};

}  // namespace mxpost::local
