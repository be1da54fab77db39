// Hosts that the administrator has named (a relay, an LMTP server), rather than a domain's MX.
#pragma once

#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include "base/result.h"

namespace mxpost::deliver {

struct Services;

/// The addresses of `host` (a name, or an IP address without brackets), in the order to try them:
/// of the family that the settings want, IPv4 first unless they prefer IPv6. "localhost" is the
/// loopback addresses. The error tells why there is none.
boost::asio::awaitable<Result<std::vector<boost::asio::ip::address>>> addresses_of(
    std::string host, Services& services
);

}  // namespace mxpost::deliver
