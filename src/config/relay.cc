#include "config/relay.h"

#include <algorithm>

namespace mxpost::config {
namespace {

/// `domain` is `entry`, or below it where that is written ".example.com".
bool is_covered(std::string_view domain, std::string_view entry) {
    return entry.starts_with('.') ? domain.ends_with(entry) : domain == entry;
}

}  // namespace

bool is_relayed(const Settings& settings, std::string_view domain) {
    const bool is_listed = std::ranges::any_of(settings.relay_for, [&](const std::string& entry) {
        return is_covered(domain, entry);
    });
    return is_all_relayed(settings) || (is_listed && !settings.relay.empty());
}

bool is_all_relayed(const Settings& settings) {
    if (settings.relay.empty()) {
        return false;
    }
    return settings.relay_when == RelayWhen::always ||
           (settings.relay_when == RelayWhen::unset && settings.relay_for.empty());
}

std::uint16_t relay_port(const HostPort& server) {
    return server.port == 0 ? kSmtpPort : server.port;
}

bool has_mx_lookup(const Settings& settings, const HostPort& server) {
    return relay_port(server) == kSmtpPort && !server.is_bracketed &&
           settings.relay_credentials.empty() && !is_ip_address(server.host) &&
           server.host != "localhost";
}

std::optional<std::string> relay_problem(const Settings& settings) {
    if (!settings.relay.empty()) {
        return std::nullopt;
    }
    const char* const set = !settings.relay_for.empty()               ? "relay-for"
                            : settings.relay_when != RelayWhen::unset ? "relay-when"
                            : !settings.relay_credentials.empty()     ? "relay-credentials"
                                                                      : nullptr;
    if (set == nullptr) {
        return std::nullopt;
    }
    return std::string(set) +
           " is set, but no relay: mail goes straight to its recipients' servers";
}

}  // namespace mxpost::config
