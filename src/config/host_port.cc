#include "config/host_port.h"

#include "base/text.h"
#include "config/values.h"

namespace mxpost::config {
namespace {

Error expected() {
    return Error::invalid("a host such as smtp.example.com, smtp.example.com:587 or [192.0.2.1]:25"
    );
}

/// ":587" or nothing.
bool parse_port(std::string_view text, std::uint16_t& port) {
    if (text.empty()) {
        return true;
    }
    const auto number = text.front() == ':' ? parse_unsigned(text.substr(1)) : std::nullopt;
    if (!number || *number == 0 || *number > 65535) {
        return false;
    }
    port = static_cast<std::uint16_t>(*number);
    return true;
}

}  // namespace

bool is_ip_address(std::string_view text) {
    return parse_ipv4(text).has_value() || parse_ipv6(text).has_value();
}

Result<HostPort> HostPort::parse(std::string_view text) {
    HostPort result;
    std::string_view host = text;
    std::string_view port;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) {
            return expected();
        }
        host = text.substr(1, end - 1);
        port = text.substr(end + 1);
        result.is_bracketed = true;
    } else if (const auto colon = text.find(':');
               colon != std::string_view::npos && !is_ip_address(text)) {
        host = text.substr(0, colon);
        port = text.substr(colon);
    }
    if (!parse_port(port, result.port)) {
        return expected();
    }
    if (is_ip_address(host)) {
        result.host = ascii_lower(host);
        return result;
    }
    const auto name = parse_domain(host);
    if (!name) {
        return expected();
    }
    result.host = *name;
    return result;
}

}  // namespace mxpost::config
