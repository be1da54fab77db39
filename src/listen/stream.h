// Stream: the socket of one accepted connection, TCP or Unix, later with TLS around it. An idle one
// costs little: it waits without a buffer, and what came is read into one that all share.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "base/fd.h"
#include "tls/server_context.h"

namespace mxpost::listen {

/// One thread's. Must outlive every awaitable that it gave. Nothing here ends by itself: whoever
/// watches the time calls cancel().
class Stream {
public:
    using ErrorCode = boost::system::error_code;

    /// `shared` is for all streams of one thread, and must outlive them.
    Stream(const boost::asio::any_io_executor& executor, Fd socket, std::span<char> shared);

    /// At least one octet, or an error. What it gives stays until the next await.
    boost::asio::awaitable<std::pair<ErrorCode, std::string_view>> read();
    /// All of `bytes`, which must stay where they are.
    boost::asio::awaitable<ErrorCode> write(std::string_view bytes);
    /// The handshake, as the server. Nothing: it stands; else why not.
    boost::asio::awaitable<std::optional<std::string>> start_tls(tls::SslPointer ssl);

    /// The peer has said something that nobody has read. Asks the kernel, waits for nothing.
    bool has_unread() const;
    const SSL* ssl() const { return tls_ ? const_cast<Tls&>(*tls_).native_handle() : nullptr; }
    bool is_open() const { return socket_.is_open(); }
    /// What is awaited ends with an error now.
    void cancel();
    /// The peer sees the end behind the last octets written, also when it is still sending itself.
    void close();

private:
    using Socket = boost::asio::generic::stream_protocol::socket;
    using Tls = boost::asio::ssl::stream<Socket&>;

    Socket socket_;
    std::span<char> shared_;
    std::unique_ptr<Tls> tls_;
    std::vector<char> tls_input_;
};

}  // namespace mxpost::listen
