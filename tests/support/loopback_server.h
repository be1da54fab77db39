// A mail server on 127.0.0.1 in the test's own event loop. Each connection is played by a coroutine
// of the test, the first by the first handler and so on; the last handler serves all later ones.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace mxpost::test {

class ServerConnection {
public:
    explicit ServerConnection(boost::asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}

    /// False when the client is gone.
    boost::asio::awaitable<bool> say(std::string text) {
        constexpr auto await = boost::asio::as_tuple(boost::asio::use_awaitable);
        if (tls_) {
            const auto [error, size] =
                co_await boost::asio::async_write(*tls_, boost::asio::buffer(text), await);
            co_return !error;
        }
        const auto [error, size] =
            co_await boost::asio::async_write(socket_, boost::asio::buffer(text), await);
        co_return !error;
    }

    /// Without CRLF; "<end>" when the client is gone.
    boost::asio::awaitable<std::string> line() {
        auto end = input_.find("\r\n");
        while (end == std::string::npos) {
            const bool is_open = co_await fill();
            if (!is_open) {
                co_return "<end>";
            }
            end = input_.find("\r\n");
        }
        std::string line = input_.substr(0, end);
        input_.erase(0, end + 2);
        lines.push_back(line);
        co_return line;
    }

    /// What stands before the final dot, as framed; without it, all until the end and "<end>".
    boost::asio::awaitable<std::string> content() {
        auto end = input_.starts_with(".\r\n") ? 0 : input_.find("\r\n.\r\n");
        while (end == std::string::npos) {
            const bool is_open = co_await fill();
            if (!is_open) {
                co_return std::exchange(input_, {}) + "<end>";
            }
            end = input_.starts_with(".\r\n") ? 0 : input_.find("\r\n.\r\n");
        }
        const std::size_t size = end == 0 ? 0 : end + 2;
        std::string content = input_.substr(0, size);
        input_.erase(0, size + 3);
        co_return content;
    }

    /// Exactly so many; fewer when the client is gone.
    boost::asio::awaitable<std::string> octets(std::size_t count) {
        while (input_.size() < count) {
            const bool is_open = co_await fill();
            if (!is_open) {
                break;
            }
        }
        std::string octets = input_.substr(0, count);
        input_.erase(0, count);
        co_return octets;
    }

    boost::asio::awaitable<bool> start_tls(SSL_CTX* context) {
        constexpr auto await = boost::asio::as_tuple(boost::asio::use_awaitable);
        tls_ = std::make_unique<Stream>(socket_, SSL_new(context));
        const auto [error] = co_await tls_->async_handshake(Stream::server, await);
        co_return !error;
    }

    /// After start_tls(): one of TLS 1.3's session tickets. False when the client is gone.
    boost::asio::awaitable<bool> say_ticket() {
        constexpr auto await = boost::asio::as_tuple(boost::asio::use_awaitable);
        SSL_new_session_ticket(tls_->native_handle());
        const auto [error] = co_await tls_->async_handshake(Stream::server, await);
        co_return !error;
    }

    boost::asio::awaitable<void> wait(std::chrono::milliseconds duration) {
        constexpr auto await = boost::asio::as_tuple(boost::asio::use_awaitable);
        boost::asio::steady_timer timer(socket_.get_executor(), duration);
        co_await timer.async_wait(await);
    }

    void close() {
        boost::system::error_code ignored;
        socket_.close(ignored);
    }
    int descriptor() { return socket_.native_handle(); }

    /// With RST.
    void reset() {
        boost::system::error_code ignored;
        socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
        socket_.close(ignored);
    }

    std::vector<std::string> lines;  // all that line() gave
    std::vector<std::size_t> reads;  // sizes in which the client's octets came in

private:
    using Stream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>;

    boost::asio::awaitable<bool> fill() {
        constexpr auto await = boost::asio::as_tuple(boost::asio::use_awaitable);
        std::string block(65536, '\0');
        std::size_t count = 0;
        bool has_failed = false;
        if (tls_) {
            const auto [error, size] =
                co_await tls_->async_read_some(boost::asio::buffer(block), await);
            count = size;
            has_failed = static_cast<bool>(error);
        } else {
            const auto [error, size] =
                co_await socket_.async_read_some(boost::asio::buffer(block), await);
            count = size;
            has_failed = static_cast<bool>(error);
        }
        input_.append(block, 0, count);
        reads.push_back(count);
        co_return !has_failed;
    }

    boost::asio::ip::tcp::socket socket_;
    std::unique_ptr<Stream> tls_;
    std::string input_;
};

class LoopbackServer {
public:
    using Handler = std::function<boost::asio::awaitable<void>(ServerConnection&)>;

    LoopbackServer(boost::asio::io_context& context, std::vector<Handler> handlers)
        : acceptor_(
              context, boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)
          ),
          handlers_(std::move(handlers)) {
        boost::asio::co_spawn(context, serve(), boost::asio::detached);
    }

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    const std::vector<std::unique_ptr<ServerConnection>>& connections() const {
        return connections_;
    }

private:
    boost::asio::awaitable<void> serve() {
        constexpr auto await = boost::asio::as_tuple(boost::asio::use_awaitable);
        for (;;) {
            auto [error, socket] = co_await acceptor_.async_accept(await);
            if (error) {
                co_return;
            }
            const std::size_t index = std::min(connections_.size(), handlers_.size() - 1);
            connections_.push_back(std::make_unique<ServerConnection>(std::move(socket)));
            auto task = handlers_[index](*connections_.back());
            boost::asio::co_spawn(acceptor_.get_executor(), std::move(task), boost::asio::detached);
        }
    }

    boost::asio::ip::tcp::acceptor acceptor_;
    std::vector<Handler> handlers_;
    std::vector<std::unique_ptr<ServerConnection>> connections_;
};

}  // namespace mxpost::test
