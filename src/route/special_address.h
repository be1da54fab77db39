// Addresses at which no mail server of somebody else can be. Private ones (10/8, 192.168/16,
// fc00::/7 …) are fine: private nets have mail servers. Pure.
#pragma once

#include <string_view>

#include <boost/asio/ip/address.hpp>

namespace mxpost::route {

/// An IPv4 address that came as an IPv4-mapped IPv6 one is taken out of it.
boost::asio::ip::address unmapped(const boost::asio::ip::address& address);

/// "a loopback address" and the like for an address that must never be connected to because a name
/// in the DNS has it (RFC 6890 2.2); empty for any other.
std::string_view why_unusable(const boost::asio::ip::address& address);

}  // namespace mxpost::route
