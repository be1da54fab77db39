// The text forms of settings. Errors say what was expected, without the value or the key: whoever
// reports them knows where both stand.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/settings.h"

namespace mxpost::config {

/// "90s", "15m", "4h", "5d", "1w", sums of them ("1h30m") or "0". A number without a unit counts in
/// `bare_unit`; where that is 0 it is an error. At most ten years.
Result<std::chrono::seconds> parse_duration(
    std::string_view text, std::chrono::seconds bare_unit = std::chrono::seconds(0)
);

/// Octets: "4096", "64k", "50M", "2G" (powers of 1024; case doesn't matter, "KiB" and the like do
/// as well).
Result<std::uint64_t> parse_size(std::string_view text);

/// A decimal number from 1 on.
Result<std::uint64_t> parse_count(std::string_view text);

/// One printable word or phrase without control characters.
Result<std::string> parse_text(std::string_view text);

/// An absolute path without "..".
Result<std::string> parse_path(std::string_view text);

/// Absolute paths without "..", separated by commas or spaces.
Result<std::vector<std::string>> parse_paths(std::string_view text);

/// "syslog", "stderr" or an absolute path.
Result<std::string> parse_log_target(std::string_view text);

/// A domain name with or without dots, made lower case; no trailing dot.
Result<std::string> parse_domain(std::string_view text);

/// A domain name, or an address literal "[192.0.2.1]", "[IPv6:2001:db8::1]".
Result<std::string> parse_helo_name(std::string_view text);

/// A mail address with a domain: "ops@example.com".
Result<std::string> parse_address(std::string_view text);

Result<std::string> parse_ipv4(std::string_view text);
Result<std::string> parse_ipv6(std::string_view text);

/// Separated by commas or spaces.
Result<std::vector<std::string>> parse_domains(std::string_view text);
/// A domain, or ".example.com" for all below it.
Result<std::vector<std::string>> parse_domain_patterns(std::string_view text);
/// "none" to "dane".
Result<TlsLevel> parse_tls_level(std::string_view text);
/// "example.com:verify", with domains as above, or an address literal.
Result<std::vector<TlsPolicy>> parse_tls_policies(std::string_view text);
/// See HostPort; as written.
Result<std::string> parse_relay(std::string_view text);
/// Names of SASL mechanisms that the client knows, made lower case.
Result<std::vector<std::string>> parse_mechanisms(std::string_view text);
Result<std::vector<std::string>> parse_ip_addresses(std::string_view text);
/// IP addresses, perhaps with the word "validating" among them.
Result<ResolverChoice> parse_resolver(std::string_view text);
/// Domains, each perhaps with "!" in front.
Result<std::vector<std::string>> parse_masquerade_domains(std::string_view text);
/// Local parts.
Result<std::vector<std::string>> parse_users(std::string_view text);

}  // namespace mxpost::config
