// An SPF record's terms (RFC 7208 4.6.1, 12). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "base/result.h"

namespace mxpost::spf {

enum class Qualifier : std::uint8_t { pass, fail, softfail, neutral };
enum class Mechanism : std::uint8_t { all, include, a, mx, ptr, ip4, ip6, exists };

struct Directive {
    Directive() = default;

    Qualifier qualifier = Qualifier::pass;
    Mechanism mechanism = Mechanism::all;
    std::string domain;                // a macro string; empty: the domain itself
    boost::asio::ip::address network;  // of ip4 and ip6
    unsigned prefix4 = 32;             // of a, mx and ip4
    unsigned prefix6 = 128;            // of a, mx and ip6
    std::string text;                  // the term as written
};

struct Record {
    Record() = default;

    std::vector<Directive> directives;
    std::optional<std::string> redirect;     // a macro string
    std::optional<std::string> explanation;  // exp=, a macro string
};

/// "v=spf1", alone or with a space behind it (RFC 7208 4.5).
bool is_spf_record(std::string_view text);

/// Any fault anywhere in the record is an error (RFC 7208 4.6): one line that names the term.
Result<Record> parse_record(std::string_view text);

}  // namespace mxpost::spf
