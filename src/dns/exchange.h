// One question to one name server: UDP, without EDNS where the server can't, TCP where the reply
// doesn't fit. No retry, no cache: stub_resolver.cc decides about those.
#pragma once

#include <chrono>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/udp.hpp>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "dns/message.h"
#include "dns/udp_sockets.h"

namespace mxpost::dns {

struct ExchangeOptions {
    ExchangeOptions() = default;

    std::chrono::milliseconds timeout{5000};  // for each of the up to three steps
    SteadyTime deadline;                      // for all of them
    bool has_edns = true;
    bool wants_ad = false;
    bool is_tcp_only = false;
};

/// A reply to exactly this question, whatever its code, that is complete (not truncated); or an
/// Error: ETIMEDOUT, or what the socket said, or an unreadable reply.
///
/// Each query has a random id and, while it is on its way, a socket of its own. Cancellation ends
/// it with an exception.
boost::asio::awaitable<Result<Reply>> exchange(
    boost::asio::ip::udp::endpoint server,
    Question question,
    ExchangeOptions options,
    Random& random,
    UdpSockets& sockets
);

}  // namespace mxpost::dns
