// Hosts that the administrator names: "smtp.example.com:587", "[2001:db8::1]:24".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include "base/result.h"
#include "deliver/services.h"

namespace mxpost::deliver {

struct HostPort {
    HostPort() = default;

    /// "host", "host:port", "[host]", "[host]:port", "192.0.2.1", "[2001:db8::1]",
    /// "[2001:db8::1]:587", "2001:db8::1". The error says what was expected.
    static Result<HostPort> parse(std::string_view text);

    std::string host;           // lower case, A-labels, or an IP address; without brackets
    std::uint16_t port = 0;     // 0: not given
    bool is_bracketed = false;  // "[host]": nothing but this very host
};

/// The addresses of a host that the administrator has named, in the order to try them: the family
/// that the settings want, IPv4 first. "localhost" is the loopback addresses. The error tells why
/// there is none.
boost::asio::awaitable<Result<std::vector<boost::asio::ip::address>>> addresses_of(
    std::string host, Services& services
);

}  // namespace mxpost::deliver
