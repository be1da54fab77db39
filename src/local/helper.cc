#include "local/helper.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
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

constexpr std::chrono::seconds kPause{1};
constexpr std::initializer_list<int> kDead{EBADF, ENOTSOCK, ENOTCONN, ECONNRESET};
constexpr std::initializer_list<int> kPassing{EINTR, EAGAIN, ECONNABORTED};

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

void tell_uid(Fd whose, uid_t uid) {
    const std::uint64_t number = uid;
    (void)!::write(whose.get(), &number, sizeof number);
}

uid_t told_uid(const Fd& whose) {
    std::uint64_t number = 0;
    return ::read(whose.get(), &number, sizeof number) == sizeof number ? static_cast<uid_t>(number)
                                                                        : 0;
}

bool is_one_of(const Error& error, std::initializer_list<int> numbers) {
    return std::ranges::any_of(numbers, [&](int number) { return error.is(number); });
}

}  // namespace

void Helper::run() {
    auto signals = watch_signals();
    if (!signals) {
        log_.error("can't start: " + signals.error().message());
        return;
    }
    signals_ = std::move(*signals);
    while (!is_ending_ || children_.size() > count_stuck()) {
        if (resume_ && SteadyClock::now() >= *resume_) {
            resume_.reset();
        }
        std::array<pollfd, 2> events{
            pollfd{signals_.get(), POLLIN, 0}, pollfd{takes_more() ? fd_.get() : -1, POLLIN, 0}};
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

std::size_t Helper::count_stuck() const {
    return static_cast<std::size_t>(std::ranges::count_if(children_, [](const auto& child) {
        return child.second.is_stuck;
    }));
}

std::set<uid_t> Helper::stuck_users() const {
    std::map<uid_t, std::size_t> counts;
    std::set<uid_t> users;
    for (const auto& [pid, child] : children_) {
        if (child.uid != 0 && ++counts[child.uid] >= options_.max_stuck_of_one) {
            users.insert(child.uid);
        }
    }
    return users;
}

bool Helper::takes_more() const {
    const std::size_t stuck = count_stuck();
    return !is_ending_ && !resume_ && children_.size() - stuck < options_.max_children &&
           stuck < options_.max_stuck;
}

void Helper::take_connection() {
    Fd connection = source_ == Source::listener ? accept_connection() : receive_connection();
    if (!connection) {
        return;
    }
    is_short_ = false;
    if (is_client(connection)) {
        start_child(std::move(connection));
    }
}

Fd Helper::accept_connection() {
    Fd connection(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) {
        pause_after(Error::from_errno(errno, "accept"));
    }
    return connection;
}

/// A connection that is lost here is closed: the engine that made it tries the mail again later.
Fd Helper::receive_connection() {
    auto packet = receive_packet(fd_.get(), 16);
    const bool is_over = packet ? packet->data.empty() : is_one_of(packet.error(), kDead);
    if (is_over) {
        is_ending_ = true;
        return {};
    }
    if (!packet) {
        pause_after(packet.error());
        return {};
    }
    if (packet->lacks_fd) {
        pause_after(Error::from_errno(EMFILE, "recvmsg"));
    }
    return std::move(packet->fd);
}

/// What waits keeps the source readable: asking again at once would only burn the processor.
void Helper::pause_after(const Error& error) {
    if (is_one_of(error, kPassing)) {
        return;
    }
    resume_ = SteadyClock::now() + kPause;
    if (!std::exchange(is_short_, true)) {
        log_.error("no connection of an engine can be taken, mail waits: " + error.message());
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
    Fd whose(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const pid_t pid = whose ? ::fork() : -1;
    if (pid < 0) {
        log_.error("no process for a delivery can be made; the mail is tried again later");
        return;  // closing tells the engine
    }
    if (pid > 0) {
        Child child;
        child.deadline = SteadyClock::now() + options_.max_time;
        child.whose = std::move(whose);
        children_.emplace(pid, std::move(child));
        return;
    }
    ::setsid();
    restore_signals();
    fd_.reset();
    signals_.reset();
    options_.service.stuck_users = stuck_users();
    children_.clear();  // what the others tell is not for it to write
    try {
        serve_connection(connection, options_.service, log_, [&](uid_t uid) {
            tell_uid(std::move(whose), uid);
        });
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

/// Once is enough: where it doesn't end a child at once, it ends it when its file system answers.
void Helper::kill_late() {
    for (auto& [pid, child] : children_) {
        if (child.is_stuck || SteadyClock::now() < child.deadline) {
            continue;
        }
        child.is_stuck = true;
        child.uid = told_uid(child.whose);
        log_.error(
            "a delivery for uid " + std::to_string(child.uid) +
            " took too long and is killed (process " + std::to_string(pid) + ")"
        );
        ::kill(-pid, SIGKILL);
        ::kill(pid, SIGKILL);
    }
}

int Helper::time_to_wait() const {
    constexpr auto kNever = SteadyClock::time_point::max();
    auto next = resume_.value_or(kNever);
    for (const auto& [pid, child] : children_) {
        if (!child.is_stuck) {
            next = std::min(next, child.deadline);
        }
    }
    if (next == kNever) {
        return -1;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - SteadyClock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 1, 3'600'000));
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
