#include "local/helper.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "local/packet.h"

namespace mxpost::local {

namespace {

using SteadyClock = std::chrono::steady_clock;

/// Blocks the signals that the helper waits for; the descriptor tells of them.
Result<Fd> watch_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGCHLD, SIGTERM, SIGINT}) {
        sigaddset(&set, number);
    }
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) {
        return Error::from_errno(errno, "sigprocmask");
    }
    Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    return fd ? Result<Fd>(std::move(fd)) : Result<Fd>(Error::from_errno(errno, "signalfd"));
}

void restore_signals() {
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGCHLD, SIG_DFL);
}

}  // namespace

void Helper::run() {
    auto signals = watch_signals();
    if (!signals) {
        log_.error("can't start: " + signals.error().message());
        return;
    }
    signals_ = std::move(*signals);
    while (!is_ending_ || !children_.empty()) {
        const bool takes_more = !is_ending_ && children_.size() < options_.max_children;
        std::array<pollfd, 2> events{
            pollfd{signals_.get(), POLLIN, 0}, pollfd{takes_more ? fd_.get() : -1, POLLIN, 0}};
        ::poll(events.data(), events.size(), time_to_wait());
        signalfd_siginfo signal{};
        while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
            is_ending_ |= signal.ssi_signo != SIGCHLD;
        }
        reap();
        kill_late();
        if (events[1].revents != 0) {
            take_connection();
        }
    }
}

void Helper::take_connection() {
    Fd connection;
    if (source_ == Source::listener) {
        connection = Fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    } else {
        auto packet = receive_packet(fd_.get(), 16);
        if (!packet || packet->data.empty()) {
            is_ending_ = packet || !packet.error().is(EAGAIN);
            return;
        }
        connection = std::move(packet->fd);
    }
    if (connection && is_client(connection)) {
        start_child(std::move(connection));
    }
}

bool Helper::is_client(const Fd& connection) const {
    if (source_ == Source::channel) {
        return true;  // the channel was given to the engine alone
    }
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        return false;
    }
    if (peer.uid != options_.client && peer.uid != 0) {
        log_.warning("connection of uid " + std::to_string(peer.uid) + " refused");
        return false;
    }
    return true;
}

void Helper::start_child(Fd connection) {
    const pid_t pid = ::fork();
    if (pid < 0) {
        log_.error("no process for a delivery can be made; the mail is tried again later");
        return;  // closing tells the engine
    }
    if (pid > 0) {
        children_.emplace(pid, SteadyClock::now() + options_.max_time);
        return;
    }
    ::setsid();
    restore_signals();
    fd_.reset();
    signals_.reset();
    try {
        serve_connection(connection, options_.service, log_);
    } catch (const std::exception& exception) {
        log_.error(std::string("internal error: ") + exception.what());
        ::_exit(EXIT_FAILURE);
    }
    ::_exit(EXIT_SUCCESS);
}

void Helper::reap() {
    int status = 0;
    pid_t pid = 0;
    while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
        children_.erase(pid);
        if (WIFSIGNALED(status)) {
            log_.error("a delivery was killed by signal " + std::to_string(WTERMSIG(status)));
        }
    }
}

void Helper::kill_late() {
    for (auto& [pid, deadline] : children_) {
        if (SteadyClock::now() >= deadline) {
            log_.error("a delivery took too long and is killed");
            ::kill(-pid, SIGKILL);
            ::kill(pid, SIGKILL);
            deadline = SteadyClock::now() + std::chrono::seconds(10);  // until it is reaped
        }
    }
}

int Helper::time_to_wait() const {
    auto left = std::chrono::milliseconds(-1);
    for (const auto& [pid, deadline] : children_) {
        const auto until = std::max(
            std::chrono::milliseconds(1),
            std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now())
        );
        left = left.count() < 0 ? until : std::min(left, until);
    }
    return static_cast<int>(std::min<std::chrono::milliseconds::rep>(left.count(), 3'600'000));
}

Result<Fd> listen_at(const std::string& path, uid_t uid) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return Error::from_errno(ENAMETOOLONG, path);
    }
    std::copy(path.begin(), path.end(), static_cast<char*>(address.sun_path));
    const std::string directory = path.substr(0, path.rfind('/'));
    if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
        return Error::from_errno(errno, "mkdir " + directory);
    }
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) {
        ::unlink(path.c_str());
    }
    Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    // So that nobody else can connect, not even for a moment.
    const mode_t old = ::umask(0177);
    const bool is_bound =
        fd && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    const int error = errno;
    ::umask(old);
    if (!is_bound) {
        return Error::from_errno(error, "bind " + path);
    }
    if (::lchown(path.c_str(), uid, static_cast<gid_t>(-1)) != 0 || ::listen(fd.get(), 128) != 0) {
        return Error::from_errno(errno, path);
    }
    return fd;
}

}  // namespace mxpost::local
