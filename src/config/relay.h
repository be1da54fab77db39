// What the settings say of the relay.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/host_port.h"
#include "config/settings.h"

namespace mxpost::config {

inline constexpr std::uint16_t kSmtpPort = 25;

/// All mail for this domain (lower case) goes through the relay, whatever becomes of port 25.
/// Where none is set: false.
bool is_relayed(const Settings& settings, std::string_view domain);
/// The same for every domain.
bool is_all_relayed(const Settings& settings);

/// The relay's port, also where the setting names none.
std::uint16_t relay_port(const HostPort& server);

/// The relay is found as a domain's server is (RFC 5321 5.1), where nothing speaks against it: a
/// submission server has no MX record of its own, and credentials are for the server that was
/// named, not for one that a DNS answer names.
bool has_mx_lookup(const Settings& settings, const HostPort& server);

/// What is said of a relay that isn't named: one line; nothing: all is well.
std::optional<std::string> relay_problem(const Settings& settings);

}  // namespace mxpost::config
