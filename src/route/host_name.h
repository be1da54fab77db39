// The name that this host says HELO with (RFC 5321 4.1.1.1: its own, fully qualified, or else an
// address literal). Receivers refuse anything less.
#pragma once

#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include "dns/resolver.h"

namespace mxpost::route {

/// Fully qualified LDH labels (RFC 5321 2.3.5: no underscore), the last one no number; not
/// "localhost", nothing under ".localhost" or ".localdomain". Without trailing dot.
bool is_valid_helo_name(std::string_view name);

/// `configured` (empty: none), else `host_name` (what gethostname(2) or /etc/hosts gave), else a
/// PTR name of `source`, the local address of the connection; the first of them that is valid. If
/// none is, the address literal of `source`: never a container's id, never an invalid name.
/// `resolver` must outlive the coroutine. Bounded by the resolver's own time limit.
boost::asio::awaitable<std::string> helo_name(
    std::string configured,
    std::string host_name,
    boost::asio::ip::address source,
    dns::Resolver& resolver
);

}  // namespace mxpost::route
