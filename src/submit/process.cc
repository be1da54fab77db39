#include "submit/process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/exit_status.h"

namespace mxpost::submit {
namespace {

constexpr std::array kInterrupts = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

/// A handler can see nothing but globals. Written while the interrupts are blocked or before the
/// handler is there.
volatile std::sig_atomic_t is_message_safe = 0;
volatile pid_t passed_on_to = 0;  // 0: to nobody

extern "C" void end_process(int) {
    if (passed_on_to > 0) {
        const int before = errno;
        ::kill(passed_on_to, SIGTERM);
        errno = before;
        return;
    }
    if (is_message_safe != 0) {
        ::_exit(static_cast<int>(ExitStatus::ok));
    }
    constexpr std::string_view kLine = "sendmail: interrupted: the message was not accepted\n";
    (void)!::write(STDERR_FILENO, kLine.data(), kLine.size());
    ::_exit(static_cast<int>(ExitStatus::temp_fail));
}

sigset_t interrupt_set() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : kInterrupts) {
        ::sigaddset(&set, number);
    }
    return set;
}

void set_disposition(int number, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    ::sigaction(number, &action, nullptr);
}

}  // namespace

bool occupy_standard_descriptors() {
    bool was_input_open = true;
    for (int fd = 0; fd <= 2; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) {
            continue;
        }
        if (fd == 0) {
            was_input_open = false;
        }
        // The lowest free number is `fd`. A chroot may have no /dev/null.
        if (::open("/dev/null", O_RDWR) < 0) {
            (void)::memfd_create("null", 0);
        }
    }
    return was_input_open;
}

void ignore_write_signals() {
    set_disposition(SIGPIPE, SIG_IGN);
    set_disposition(SIGXFSZ, SIG_IGN);
    set_disposition(SIGCHLD, SIG_DFL);
}

void ignore_children() {
    set_disposition(SIGCHLD, SIG_IGN);
}

void interruption::arm() {
    for (const int number : kInterrupts) {
        struct sigaction old {};
        if (::sigaction(number, nullptr, &old) == 0 && old.sa_handler != SIG_IGN) {
            set_disposition(number, end_process);
        }
    }
}

void interruption::begin_commit() {
    const sigset_t set = interrupt_set();
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

void interruption::end_commit(bool is_committed) {
    is_message_safe = is_committed ? 1 : 0;
    const sigset_t set = interrupt_set();
    ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

void interruption::set_message_pending(bool is_pending) {
    is_message_safe = is_pending ? 0 : 1;
}

void interruption::begin_passing_on(pid_t engine) {
    passed_on_to = engine;
    const sigset_t set = interrupt_set();
    ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

void interruption::end_passing_on() {
    begin_commit();
    passed_on_to = 0;
}

Result<std::size_t> read_some(int fd, std::span<char> buffer) {
    for (;;) {
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got >= 0) {
            return static_cast<std::size_t>(got);
        }
        if (errno == EAGAIN) {
            pollfd wait{fd, POLLIN, 0};
            ::poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return Error::from_errno(errno, "read standard input");
        }
    }
}

void drain(int fd) {
    if (::isatty(fd) != 0) {
        return;
    }
    std::array<char, 65536> buffer;  // NOLINT(*-init-variables): only written to
    for (;;) {
        const auto got = read_some(fd, buffer);
        if (!got || *got == 0) {
            return;
        }
    }
}

void drain_rest(int fd) {
    constexpr int kPause = 100;  // milliseconds
    if (::isatty(fd) != 0) {
        return;
    }
    std::array<char, 65536> buffer;  // NOLINT(*-init-variables): only written to
    pollfd wait{fd, POLLIN, 0};
    while (::poll(&wait, 1, kPause) > 0) {
        const auto got = read_some(fd, buffer);
        if (!got || *got == 0) {
            return;
        }
    }
}

}  // namespace mxpost::submit
