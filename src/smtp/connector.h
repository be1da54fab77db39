// Connector: connects to one of several addresses of equal worth. An address that doesn't answer
// (a black hole) costs the stagger, not the whole timeout: then the next is tried beside it, and
// the first that answers is taken. (RFC 8305 5 does so between the families of one host; here no
// family is preferred by waiting.)
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/address.hpp>

namespace mxpost::smtp {

struct ConnectTarget {
    using Endpoint = boost::asio::generic::stream_protocol::endpoint;

    Endpoint endpoint;                               // TCP or Unix
    std::optional<boost::asio::ip::address> source;  // to bind to; its port is the kernel's choice
};

struct ConnectLimits {
    std::chrono::milliseconds stagger{2000};  // a failure begins the next attempt at once
    std::chrono::milliseconds each{30000};
    std::chrono::milliseconds total{60000};
    std::size_t max_parallel = 4;
};

struct ConnectFailure {
    std::size_t target = 0;           // its index
    boost::system::error_code error;  // asio::error::timed_out also after ConnectLimits::each
    bool is_source = false;           // binding to the source address failed
};

class Connector {
public:
    using Socket = boost::asio::generic::stream_protocol::socket;

    Connector(
        const boost::asio::any_io_executor& executor,
        std::vector<ConnectTarget> targets,
        ConnectLimits limits
    );
    /// Closes whatever is still open.
    ~Connector();
    Connector(const Connector&) = delete;
    Connector& operator=(const Connector&) = delete;

    /// Awaited once. Ends within ConnectLimits::total, or when the awaiting coroutine is cancelled.
    boost::asio::awaitable<void> run();

    // After run().
    /// The target that answered; nullopt: none did.
    std::optional<std::size_t> connected() const;
    /// The connection to it; once.
    Socket take_socket();
    /// In the order of the targets. Those that were not begun, or were closed because another
    /// answered, have not failed.
    std::vector<ConnectFailure> failures() const;

private:
    class Race;
    std::shared_ptr<Race> race_;  // handlers in the queue share it
};

}  // namespace mxpost::smtp
