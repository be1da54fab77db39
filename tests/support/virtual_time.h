// Virtual time for a program's event loop: it stands still while anything happens, and jumps to the
// next timer when nothing does. So a day of an engine takes seconds, and no timeout is waited for.
//
// The program is linked with VIRTUAL_TIME_WRAPS of tests/crash/CMakeLists.txt, and one of its
// sources includes this: what Asio asks the system about time is answered here. One loop at a time.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <utility>

#include <sys/epoll.h>

#include "support/manual_clock.h"

namespace mxpost::test {

class VirtualTime {
public:
    /// As long as this lives, loops go by `clock`. `may_jump` is asked before each jump: no, where
    /// something is still on its way through the kernel.
    VirtualTime(ManualClock& clock, std::function<bool()> may_jump)
        : clock_(clock), may_jump_(std::move(may_jump)) {
        current_ = this;
    }
    ~VirtualTime() { current_ = nullptr; }
    VirtualTime(const VirtualTime&) = delete;
    VirtualTime& operator=(const VirtualTime&) = delete;

    static VirtualTime* current() { return current_; }
    SteadyTime now() const { return clock_.steady_now(); }
    /// Nothing was ready; a timer is, in so many milliseconds at the latest. False: wait.
    bool jump(int timeout) {
        if (!may_jump_()) {
            return false;
        }
        clock_.advance(std::chrono::milliseconds(timeout));
        return true;
    }

private:
    static inline VirtualTime* current_ = nullptr;
    ManualClock& clock_;
    std::function<bool()> may_jump_;
};

// The linker's names for what is called instead, and for what was meant.

SteadyTime real_steady_now() asm("__real__ZNSt6chrono3_V212steady_clock3nowEv");
int real_epoll_wait(int fd, epoll_event* events, int most, int timeout) asm("__real_epoll_wait");

SteadyTime virtual_steady_now() asm("__wrap__ZNSt6chrono3_V212steady_clock3nowEv");
SteadyTime virtual_steady_now() {
    const VirtualTime* const time = VirtualTime::current();
    return time != nullptr ? time->now() : real_steady_now();
}

/// Without these Asio says in epoll_wait() how long it would sleep.
int no_timer_descriptor(int clock, int flags) asm("__wrap_timerfd_create");
int no_timer_descriptor(int, int) {
    errno = ENOSYS;
    return -1;
}

int virtual_epoll_wait(int fd, epoll_event* events, int most, int timeout) asm("__wrap_epoll_wait");
int virtual_epoll_wait(int fd, epoll_event* events, int most, int timeout) {
    VirtualTime* const time = VirtualTime::current();
    if (time == nullptr) {
        return real_epoll_wait(fd, events, most, timeout);
    }
    int found = real_epoll_wait(fd, events, most, 0);
    while (found == 0 && timeout > 0 && !time->jump(timeout)) {
        found = real_epoll_wait(fd, events, most, 1);
    }
    return found;
}

}  // namespace mxpost::test
