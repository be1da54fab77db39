#include "smtp/transport.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <sys/socket.h>

namespace mxpost::smtp {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

}  // namespace

Transport::Transport(const asio::any_io_executor& executor)
    : socket_(executor), watchdog_(executor) {}

Transport::~Transport() {
    close();
}

void Transport::adopt(Protocol::socket socket) {
    close();
    tls_.reset();
    is_timed_out_ = false;
    socket_ = std::move(socket);
    if (local_address()) {
        // Without it the last, short segment of a message waits for the ACK of the one before.
        ErrorCode ignored;
        socket_.set_option(tcp::no_delay(true), ignored);
    }
}

asio::awaitable<std::optional<std::string>> Transport::start_tls(tls::SslPointer ssl) {
    tls_ = std::make_unique<Stream>(socket_, ssl.release());
    const auto [error] = co_await tls_->async_handshake(Stream::client, kAwait);
    std::optional<std::string> problem;
    if (error) {
        problem = error.message();
    }
    co_return problem;
}

asio::awaitable<std::pair<Transport::ErrorCode, std::size_t>> Transport::write(
    std::string_view bytes
) {
    const auto buffer = asio::buffer(bytes.data(), bytes.size());
    std::pair<ErrorCode, std::size_t> result;
    if (tls_) {
        const auto [error, size] = co_await asio::async_write(*tls_, buffer, kAwait);
        result.first = error;
        result.second = size;
    } else {
        const auto [error, size] = co_await asio::async_write(socket_, buffer, kAwait);
        result.first = error;
        result.second = size;
    }
    co_return result;
}

asio::awaitable<std::pair<Transport::ErrorCode, std::size_t>> Transport::read(std::span<char> buffer
) {
    const auto space = asio::buffer(buffer.data(), buffer.size());
    std::pair<ErrorCode, std::size_t> result;
    if (tls_) {
        const auto [error, size] = co_await tls_->async_read_some(space, kAwait);
        result.first = error;
        result.second = size;
    } else {
        const auto [error, size] = co_await socket_.async_read_some(space, kAwait);
        result.first = error;
        result.second = size;
    }
    co_return result;
}

void Transport::set_deadline(Instant deadline) {
    deadline_ = deadline;
    if (deadline_ < watched_) {
        watch();
    }
}

void Transport::clear_deadline() {
    deadline_ = Instant::max();
}

/// The timer isn't set anew for each step: it wakes at the earliest deadline that it was told, and
/// looks whether that still counts.
void Transport::watch() {
    watched_ = deadline_;
    watchdog_.expires_at(deadline_);
    watchdog_.async_wait([this, life = std::weak_ptr<int>(life_)](const ErrorCode& error) {
        if (error || life.expired()) {
            return;
        }
        watched_ = Instant::max();
        if (deadline_ == Instant::max()) {
            return;
        }
        if (std::chrono::steady_clock::now() < deadline_) {
            watch();
            return;
        }
        is_timed_out_ = true;
        close();
    });
}

bool Transport::is_silent() {
    if (!socket_.is_open() || (tls_ && SSL_pending(tls_->native_handle()) > 0)) {
        return false;
    }
    char octet = 0;
    const auto size =
        ::recv(socket_.native_handle(), &octet, sizeof(octet), MSG_PEEK | MSG_DONTWAIT);
    return size < 0 && errno == EAGAIN;
}

bool Transport::is_heard() {
    char octet = 0;
    return socket_.is_open() &&
           ::recv(socket_.native_handle(), &octet, sizeof(octet), MSG_PEEK | MSG_DONTWAIT) >= 0;
}

std::optional<asio::ip::address> Transport::local_address() const {
    ErrorCode error;
    const auto endpoint = socket_.local_endpoint(error);
    const int family = error ? AF_UNSPEC : endpoint.data()->sa_family;
    if (family != AF_INET && family != AF_INET6) {
        return std::nullopt;
    }
    tcp::endpoint ip(family == AF_INET ? tcp::v4() : tcp::v6(), 0);
    std::memcpy(ip.data(), endpoint.data(), std::min(ip.capacity(), endpoint.size()));
    return ip.address();
}

void Transport::close() {
    ErrorCode ignored;
    socket_.close(ignored);
    watchdog_.cancel();
    watched_ = Instant::max();
    deadline_ = Instant::max();
}

}  // namespace mxpost::smtp
