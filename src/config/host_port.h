// A server that the administrator names: "smtp.example.com:587", "[2001:db8::1]:24".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mxpost::config {

struct HostPort {
    HostPort() = default;

    /// "host", "host:port", "[host]", "[host]:port"; the host a domain name or an IP address, an
    /// IPv6 address in brackets where a port follows. The error says what was expected.
    static Result<HostPort> parse(std::string_view text);

    std::string host;           // lower case or an IP address, without brackets; empty: none
    std::uint16_t port = 0;     // 0: not given
    bool is_bracketed = false;  // "[host]": this very host, whatever its MX records say
};

/// The text is an IPv4 or IPv6 address.
bool is_ip_address(std::string_view text);

}  // namespace mxpost::config
