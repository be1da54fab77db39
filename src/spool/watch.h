// Watch: tells of new entries in directories (boxes, the spool root) and of writes to a file.
//
// A convenience, not a promise: where the kernel has no watch to give, or loses events, readers
// fall back to scanning.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace mxpost::spool {

class Watch {
public:
    struct Event {
        int watch = -1;    // what add_… returned
        std::string name;  // the new entry; empty for a file's own event
    };
    struct Events {
        std::vector<Event> events;
        bool is_overflown = false;  // some were lost: scan everything
        bool has_more = false;      // there may be more by now
    };

    /// EMFILE or ENFILE where the system has none left.
    static Result<Watch> open();

    /// Becomes readable when there are events; non-blocking.
    int fd() const { return fd_.get(); }
    /// Entries that appear (created, linked, renamed into place). Returns the watch's number;
    /// ENOSPC where the user has none left.
    Result<int> add_directory(int directory);
    /// Writes to the open file `fd`, whether or not it still has a name.
    Result<int> add_file(int fd);
    void remove(int watch);
    /// What happened so far, without waiting; but not all of it where that is much, for it may be
    /// without end.
    Result<Events> read();

private:
    explicit Watch(Fd fd) : fd_(std::move(fd)) {}
    Result<int> add(int fd, std::uint32_t mask);
    Fd fd_;
};

}  // namespace mxpost::spool
