#include "base/log.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <span>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"

namespace mxpost {
namespace {

constexpr std::size_t kMaxLine = 4096;
constexpr int kMailFacility = 2 << 3;

/// RFC 3164's, which every syslog daemon reads from /dev/log.
std::size_t syslog_time(std::span<char> text, const std::tm& local) {
    return std::strftime(text.data(), text.size(), "%b %e %H:%M:%S ", &local);
}

std::size_t iso_time(std::span<char> text, const std::tm& local) {
    return std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S%z ", &local);
}

/// The time as text, made once a second.
class Timestamp {
public:
    using Format = std::size_t (*)(std::span<char> text, const std::tm& local);
    explicit Timestamp(Format format) : format_(format) {}

    const std::string& now() {
        const std::time_t now = std::time(nullptr);
        if (text_.empty() || now != time_) {
            std::tm local{};
            ::localtime_r(&now, &local);
            std::array<char, 40> text{};
            text_.assign(text.data(), format_(text, local));
            time_ = now;
        }
        return text_;
    }

private:
    Format format_;
    std::time_t time_ = 0;
    std::string text_;
};

std::string tag(const std::string& program) {
    return program + "[" + std::to_string(::getpid()) + "]: ";
}

/// Speaks to /dev/log itself: libc's syslog(3) blocks when the receiver is slow (promise 5 of the
/// design) and falls back to the console.
class SyslogLog final : public Log {
public:
    SyslogLog(Fd socket, std::string program, SlowSyslog slow)
        : slow_(slow), socket_(std::move(socket)), program_(std::move(program)) {}

    void write(Priority priority, std::string_view line) override {
        std::string datagram = "<" + std::to_string(kMailFacility | static_cast<int>(priority));
        datagram.reserve(line.size() + 80);
        datagram += ">";
        datagram += timestamp_.now();
        datagram += tag(program_);
        datagram += printable(line, kMaxLine);
        if (send(datagram)) {
            return;
        }
        if (errno == ECONNREFUSED || errno == ENOTCONN || errno == ECONNRESET) {
            // The receiver was restarted: connect to its new socket, once.
            if (Fd fresh = connect()) {
                socket_ = std::move(fresh);
                send(datagram);
            }
        } else if (errno == EAGAIN && slow_ == SlowSyslog::wait && wait_for_room()) {
            send(datagram);
        }
    }

    static Fd connect() {
        Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, "/dev/log", sizeof address.sun_path - 1);
        // The socket interface takes every address family through this cast.
        if (!socket ||
            ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
                0) {
            return {};
        }
        return socket;
    }

private:
    bool send(const std::string& datagram) {
        return ::send(
                   socket_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL
               ) >= 0;
    }

    /// Its queue holds ten lines or so, which a burst fills before the receiver has run. One that
    /// doesn't read at all costs 20 ms a second, and the lines.
    bool wait_for_room() {
        constexpr int kMilliseconds = 20;
        const auto now = std::chrono::steady_clock::now();
        if (now < no_wait_until_) {
            return false;
        }
        pollfd room{socket_.get(), POLLOUT, 0};
        const bool has_room = ::poll(&room, 1, kMilliseconds) > 0;
        if (!has_room) {
            no_wait_until_ = now + std::chrono::seconds(1);
        }
        return has_room;
    }

    Timestamp timestamp_{syslog_time};
    SlowSyslog slow_;
    std::chrono::steady_clock::time_point no_wait_until_{};
    Fd socket_;
    std::string program_;
};

class FileLog final : public Log {
public:
    FileLog(Fd file, bool is_owned, std::string program)
        : file_(std::move(file)), is_owned_(is_owned), program_(std::move(program)) {}
    FileLog(const FileLog&) = delete;
    FileLog& operator=(const FileLog&) = delete;
    ~FileLog() override {
        if (!is_owned_) {
            file_.release();
        }
    }

    void write(Priority, std::string_view line) override {
        // One write a line: lines of several processes don't mix.
        const std::string text =
            timestamp_.now() + tag(program_) + printable(line, kMaxLine) + "\n";
        (void)!::write(file_.get(), text.data(), text.size());
    }

private:
    Timestamp timestamp_{iso_time};
    Fd file_;
    bool is_owned_;
    std::string program_;
};

}  // namespace

std::unique_ptr<Log> open_log(std::string_view target, std::string program, SlowSyslog slow) {
    std::string complaint;
    if (!target.empty() && target.front() == '/') {
        Fd file(::open(
            std::string(target).c_str(),
            O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
            0640
        ));
        if (file) {
            return std::make_unique<FileLog>(std::move(file), true, std::move(program));
        }
        complaint = "can't open the log file " + std::string(target) + ": " + std::strerror(errno);
    }
    std::unique_ptr<Log> log;
    if (target != "stderr") {
        if (Fd socket = SyslogLog::connect()) {
            log = std::make_unique<SyslogLog>(std::move(socket), program, slow);
        }
    }
    if (!log) {
        log = std::make_unique<FileLog>(Fd(STDERR_FILENO), false, std::move(program));
    }
    if (!complaint.empty()) {
        log->warning(complaint);
    }
    return log;
}

}  // namespace mxpost
