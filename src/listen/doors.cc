#include "listen/doors.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "listen/peer.h"

namespace mxpost::listen {
namespace {

using config::ListenAddress;

constexpr int kBacklog = 1024;
constexpr int kFirstPassed = 3;  // SD_LISTEN_FDS_START

Error failure(const ListenAddress& address, int number) {
    std::string text = "can't listen on " + address.text();
    if (number == EACCES && !address.is_unix()) {
        text += " (enable mxpost.socket, or start this as root)";
    } else if (number == EADDRINUSE) {
        text += " (is another mail server running?)";
    }
    return Error::from_errno(number, std::move(text));
}

int set_option(int socket, int level, int name) {
    const int on = 1;
    return ::setsockopt(socket, level, name, &on, sizeof(on));
}

/// A socket that nobody answers at any more is removed; anything else stays.
void remove_stale_socket(const std::string& path, const SocketAddress& address) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) {
        return;
    }
    const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(probe.get(), address.get(), address.size) != 0 && errno == ECONNREFUSED) {
        ::unlink(path.c_str());
    }
}

Result<Fd> open_socket(const ListenAddress& wanted) {
    const SocketAddress address = socket_address(wanted);
    Fd socket(::socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) {
        return failure(wanted, errno);
    }
    mode_t mask = 0;
    if (wanted.is_unix()) {
        remove_stale_socket(wanted.path, address);
        mask = ::umask(0111);  // whoever may go there may connect: the peer's uid is known
    } else if (set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR) != 0 ||
               (address.get()->sa_family == AF_INET6 &&
                set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY) != 0)) {
        return failure(wanted, errno);
    }
    const int bound = ::bind(socket.get(), address.get(), address.size);
    const int error = errno;
    if (wanted.is_unix()) {
        ::umask(mask);
    }
    if (bound != 0) {
        return failure(wanted, error);
    }
    if (::listen(socket.get(), kBacklog) != 0) {
        return failure(wanted, errno);
    }
    return socket;
}

/// A host without IPv6 has no ::1; that it isn't served there is no loss.
bool is_missing_loopback(const ListenAddress& address, const Error& error) {
    return !address.is_unix() && !address.address.is_ipv4() && address.is_local() &&
           (error.is(EADDRNOTAVAIL) || error.is(EAFNOSUPPORT));
}

std::uint64_t number_in(const char* variable) {
    const char* const text =
        std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread yet
    return text == nullptr ? 0 : parse_unsigned(text).value_or(0);
}

Result<Door> adopt(int number) {
    Fd socket(number);
    int value = 0;
    socklen_t size = sizeof(value);
    const bool is_stream =
        ::getsockopt(number, SOL_SOCKET, SO_TYPE, &value, &size) == 0 && value == SOCK_STREAM;
    size = sizeof(value);
    const bool is_listening =
        ::getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0;
    const auto address = local_address(number);
    if (!is_stream || !is_listening || !address) {
        return Error::invalid(
            "descriptor " + std::to_string(number) +
            ", passed by the service manager, is no listening TCP or Unix socket"
        );
    }
    ::fcntl(number, F_SETFD, FD_CLOEXEC);
    ::fcntl(number, F_SETFL, ::fcntl(number, F_GETFL) | O_NONBLOCK);
    return Door{std::move(socket), *address};
}

}  // namespace

std::vector<ListenAddress> default_addresses() {
    return config::parse_listen_addresses("127.0.0.1:25, [::1]:25").value();
}

Result<std::vector<Door>> take_passed_sockets() {
    const std::uint64_t process = number_in("LISTEN_PID");
    const std::uint64_t count = number_in("LISTEN_FDS");
    for (const char* const name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) {
        ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe): one thread yet
    }
    std::vector<Door> doors;
    if (process != static_cast<std::uint64_t>(::getpid())) {
        return doors;
    }
    constexpr std::uint64_t kMost = 64;
    for (std::uint64_t i = 0; i < std::min(count, kMost); ++i) {
        auto door = adopt(kFirstPassed + static_cast<int>(i));
        if (!door) {
            return door.error();
        }
        doors.push_back(std::move(*door));
    }
    return doors;
}

Result<std::vector<Door>> open_doors(
    const std::vector<ListenAddress>& addresses,
    std::vector<Door> passed,
    const std::function<void(std::string_view line)>& warn
) {
    std::vector<Door> doors = std::move(passed);
    for (const ListenAddress& address : addresses) {
        if (std::ranges::find(doors, address, &Door::address) != doors.end()) {
            continue;
        }
        auto socket = open_socket(address);
        if (!socket && is_missing_loopback(address, socket.error())) {
            warn(socket.error().message());
            continue;
        }
        if (!socket) {
            return socket.error();
        }
        doors.push_back(Door{std::move(*socket), address});
    }
    return doors;
}

}  // namespace mxpost::listen
