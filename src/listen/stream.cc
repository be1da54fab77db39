#include "listen/stream.h"

#include <algorithm>
#include <cerrno>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace mxpost::listen {

namespace asio = boost::asio;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kTlsInputSize = 4096;

/// What the kernel says of a socket that systemd or accept() gave us.
asio::generic::stream_protocol protocol_of(int socket) {
    int family = AF_UNIX;
    socklen_t size = sizeof(family);
    ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size);
    return {family, family == AF_UNIX ? 0 : IPPROTO_TCP};
}

}  // namespace

Stream::Stream(const asio::any_io_executor& executor, Fd socket, std::span<char> shared)
    : socket_(executor), shared_(shared) {
    const int number = socket.get();
    const auto protocol = protocol_of(number);
    socket_.assign(protocol, socket.release());
    socket_.non_blocking(true);
    if (protocol.family() != AF_UNIX) {
        // Replies to pipelined commands leave in one write; none shall wait for the client's ACK.
        const int on = 1;
        ::setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
}

asio::awaitable<std::pair<Stream::ErrorCode, std::string_view>> Stream::read() {
    std::pair<ErrorCode, std::string_view> result;
    if (tls_) {
        const auto buffer = asio::buffer(tls_input_);
        const auto [error, size] = co_await tls_->async_read_some(buffer, kAwait);
        result.first = error;
        result.second = std::string_view(tls_input_.data(), size);
        co_return result;
    }
    for (;;) {
        const auto [waited] = co_await socket_.async_wait(Socket::wait_read, kAwait);
        if (waited) {
            result.first = waited;
            co_return result;
        }
        if (!socket_.is_open()) {
            result.first = asio::error::operation_aborted;
            co_return result;
        }
        const std::size_t size =
            socket_.read_some(asio::buffer(shared_.data(), shared_.size()), result.first);
        if (result.first != asio::error::would_block) {
            result.second = std::string_view(shared_.data(), size);
            co_return result;
        }
        result.first.clear();
    }
}

asio::awaitable<Stream::ErrorCode> Stream::write(std::string_view bytes) {
    const auto buffer = asio::buffer(bytes.data(), bytes.size());
    if (tls_) {
        const auto [error, size] = co_await asio::async_write(*tls_, buffer, kAwait);
        co_return error;
    }
    const auto [error, size] = co_await asio::async_write(socket_, buffer, kAwait);
    co_return error;
}

asio::awaitable<std::optional<std::string>> Stream::start_tls(tls::SslPointer ssl) {
    tls_ = std::make_unique<Tls>(socket_, ssl.release());
    tls_input_.resize(kTlsInputSize);
    const auto [error] = co_await tls_->async_handshake(Tls::server, kAwait);
    std::optional<std::string> problem;
    if (error) {
        problem = error.message();
    }
    co_return problem;
}

bool Stream::has_unread() const {
    char octet = 0;
    const int socket = const_cast<Socket&>(socket_).native_handle();
    return ::recv(socket, &octet, sizeof(octet), MSG_PEEK | MSG_DONTWAIT) > 0;
}

void Stream::cancel() {
    ErrorCode ignored;
    socket_.cancel(ignored);
}

void Stream::close() {
    if (!socket_.is_open()) {
        return;
    }
    // Closing with octets unread resets the connection, and our last words are lost with it.
    ErrorCode ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    for (int i = 0; i < 16; ++i) {
        const auto size =
            ::recv(socket_.native_handle(), shared_.data(), shared_.size(), MSG_DONTWAIT);
        if (size <= 0) {
            break;
        }
    }
    socket_.close(ignored);
}

}  // namespace mxpost::listen
