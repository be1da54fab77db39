#include "spool/watch.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/inotify.h>
#include <unistd.h>

namespace mxpost::spool {
namespace {

constexpr int kMostReads = 16;  // a quarter of a megabyte, some thousand events

}  // namespace

Result<Watch> Watch::open() {
    Fd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!fd) {
        return Error::from_errno(errno, "inotify_init");
    }
    return Watch(std::move(fd));
}

Result<int> Watch::add(int fd, std::uint32_t mask) {
    // Through /proc, so that it is the thing that is open, whatever its name leads to by now.
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    const int watch = ::inotify_add_watch(fd_.get(), path.c_str(), mask);
    if (watch < 0) {
        return Error::from_errno(errno, "inotify_add_watch");
    }
    return watch;
}

Result<int> Watch::add_directory(int directory) {
    return add(directory, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
}

Result<int> Watch::add_file(int fd) {
    return add(fd, IN_MODIFY | IN_ATTRIB);
}

void Watch::remove(int watch) {
    ::inotify_rm_watch(fd_.get(), watch);
}

Result<Watch::Events> Watch::read() {
    Events result;
    alignas(inotify_event) std::array<char, 16384> buffer{};
    for (int reads = 0; reads < kMostReads; ++reads) {
        ssize_t got = -1;
        do {
            got = ::read(fd_.get(), buffer.data(), buffer.size());
        } while (got < 0 && errno == EINTR);
        if (got <= 0) {
            if (got < 0 && errno != EAGAIN) {
                return Error::from_errno(errno, "read inotify");
            }
            return result;
        }
        for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
            inotify_event event{};
            std::memcpy(&event, buffer.data() + at, sizeof event);
            const char* const name = buffer.data() + at + sizeof event;
            result.is_overflown |= (event.mask & IN_Q_OVERFLOW) != 0;
            if ((event.mask & (IN_CREATE | IN_MOVED_TO | IN_MODIFY | IN_ATTRIB)) != 0) {
                result.events.push_back(
                    {event.wd, event.len > 0 ? std::string(name) : std::string()}
                );
            }
            at += sizeof event + event.len;
        }
    }
    result.has_more = true;
    return result;
}

}  // namespace mxpost::spool
