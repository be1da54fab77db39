#include "deliver/host_port.h"

#include "base/text.h"
#include "route/domain_name.h"
#include "route/special_address.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

std::optional<asio::ip::address> as_address(const std::string& host) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(host, error);
    return error ? std::nullopt : std::optional(address);
}

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
    } else if (!as_address(std::string(text)) && text.find(':') != std::string_view::npos) {
        host = text.substr(0, text.find(':'));
        port = text.substr(text.find(':'));
    }
    if (!parse_port(port, result.port)) {
        return expected();
    }
    if (const auto address = as_address(std::string(host))) {
        result.host = address->to_string();
        return result;
    }
    auto name = route::to_a_labels(std::string(host));
    if (!name) {
        return expected();
    }
    result.host = ascii_lower(*name);
    return result;
}

asio::awaitable<Result<std::vector<asio::ip::address>>> addresses_of(
    std::string host, Services& services
) {
    const auto family = services.settings.address_family;
    const bool has_v4 = family != config::AddressFamily::ipv6;
    const bool has_v6 = family != config::AddressFamily::ipv4;
    std::vector<asio::ip::address> found;
    if (const auto address = as_address(host)) {
        found.push_back(route::unmapped(*address));
        co_return found;
    }
    if (host == "localhost") {  // RFC 6761 6.3: never asked for
        if (has_v4) {
            found.emplace_back(asio::ip::address_v4::loopback());
        }
        if (has_v6) {
            found.emplace_back(asio::ip::address_v6::loopback());
        }
        co_return found;
    }
    std::string problem = host + " has no address";
    for (const auto wanted : {dns::Family::ipv4, dns::Family::ipv6}) {
        if (wanted == dns::Family::ipv4 ? !has_v4 : !has_v6) {
            continue;
        }
        const auto answer = co_await services.resolver.addresses(host, wanted);
        if (answer.status == dns::LookupStatus::temporary) {
            problem = host + " can't be looked up now: " + answer.reason;
        }
        for (const auto& address : answer.records) {
            found.push_back(route::unmapped(address));
        }
    }
    if (found.empty()) {
        co_return Error::invalid(problem);
    }
    co_return found;
}

}  // namespace mxpost::deliver
