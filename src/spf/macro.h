// Macro strings (RFC 7208 7). Pure: what needs look-ups is asked for beforehand.
#pragma once

#include <string>
#include <string_view>

#include <boost/asio/ip/address.hpp>

#include "base/clock.h"

namespace mxpost::spf {

/// The letters' values. `client` is an IPv4 address where that came mapped into IPv6.
struct MacroValues {
    MacroValues() = default;

    std::string local_part;     // l
    std::string sender_domain;  // o
    std::string domain;         // d, the one whose record is looked at
    std::string helo;           // h
    std::string validated;      // p, or "unknown"
    std::string receiver;       // r
    boost::asio::ip::address client;
    WallTime now;
};

enum class MacroUse : std::uint8_t {
    domain,      // no c, r, t
    explanation  // all letters, and spaces
};

/// Whether every octet and macro of the text is one that RFC 7208 7.1 knows.
bool is_macro_string(std::string_view text, MacroUse use);
/// The same, and it ends as a domain does: with a top label or a macro (domain-spec).
bool is_domain_spec(std::string_view text);
/// Whether the text has the letter (lower-case here; the case there doesn't matter).
bool has_macro(std::string_view text, char letter);
/// `text` must be a macro string. Letters in upper case are escaped as in a URL.
std::string expand(std::string_view text, const MacroValues& values);
/// Without labels on the left, as long as it is longer than a name may be (RFC 7208 7.3).
std::string shortened(std::string name);

}  // namespace mxpost::spf
