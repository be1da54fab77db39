// A connection to a mail server: a socket, later with TLS around it, and one watchdog over all that
// is awaited. Nothing here knows SMTP.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>

#include "tls/client_context.h"

namespace mxpost::smtp {

/// One strand's. Must outlive every awaitable that it gave. All operations end by the deadline that
/// stands when they are awaited: then the socket is closed, and is_timed_out() says so.
class Transport {
public:
    using Instant = std::chrono::steady_clock::time_point;
    using ErrorCode = boost::system::error_code;
    using Protocol = boost::asio::generic::stream_protocol;

    explicit Transport(const boost::asio::any_io_executor& executor);
    ~Transport();
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    /// Anew, whatever was there before. `socket` is connected, by TCP or to a Unix socket. No
    /// deadline stands.
    void adopt(Protocol::socket socket);
    /// The handshake, as a client. nullopt: it stands; else why not.
    boost::asio::awaitable<std::optional<std::string>> start_tls(tls::SslPointer ssl);
    /// All of `bytes`, which must stay where they are; or an error and how many went before it.
    boost::asio::awaitable<std::pair<ErrorCode, std::size_t>> write(std::string_view bytes);
    /// At least one octet, or an error; 0 octets only with an error.
    boost::asio::awaitable<std::pair<ErrorCode, std::size_t>> read(std::span<char> buffer);

    /// When the present step must have ended.
    void set_deadline(Instant deadline);
    /// Nothing is awaited for a while: the watchdog sleeps.
    void clear_deadline();
    bool is_timed_out() const { return is_timed_out_; }

    boost::asio::any_io_executor executor() { return socket_.get_executor(); }
    bool is_open() const { return socket_.is_open(); }
    /// Open, and the peer has neither closed nor said anything. Asks the kernel, waits for nothing.
    bool is_silent();
    /// A read wouldn't wait, in clear: there are octets, or the end. Not where that can't be told.
    bool is_heard();
    /// None for a Unix socket.
    std::optional<boost::asio::ip::address> local_address() const;
    const SSL* ssl() const { return tls_ ? const_cast<Stream&>(*tls_).native_handle() : nullptr; }
    /// At once, without a word.
    void close();

private:
    using Stream = boost::asio::ssl::stream<Protocol::socket&>;

    void watch();

    Protocol::socket socket_;
    std::unique_ptr<Stream> tls_;
    boost::asio::steady_timer watchdog_;
    Instant deadline_ = Instant::max();
    Instant watched_ = Instant::max();  // when the watchdog wakes; max: it sleeps
    bool is_timed_out_ = false;
    // Outlived by handlers in the queue, which look at it before they touch this object.
    std::shared_ptr<int> life_ = std::make_shared<int>(0);
};

}  // namespace mxpost::smtp
