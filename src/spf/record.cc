#include "spf/record.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "spf/macro.h"

namespace mxpost::spf {

namespace {

constexpr std::string_view kVersion = "v=spf1";

bool is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// RFC 7208 12: name
bool is_name(std::string_view text) {
    return !text.empty() && is_alpha(text[0]) && std::all_of(text.begin(), text.end(), [](char c) {
        return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
    });
}

struct MechanismName {
    std::string_view name;
    Mechanism mechanism;
};
constexpr std::array<MechanismName, 8> kMechanisms{
    {{"all", Mechanism::all},
     {"include", Mechanism::include},
     {"a", Mechanism::a},
     {"mx", Mechanism::mx},
     {"ptr", Mechanism::ptr},
     {"ip4", Mechanism::ip4},
     {"ip6", Mechanism::ip6},
     {"exists", Mechanism::exists}}};

std::optional<Mechanism> find_mechanism(std::string_view name) {
    const std::string lower = ascii_lower(name);
    for (const MechanismName& known : kMechanisms) {
        if (lower == known.name) {
            return known.mechanism;
        }
    }
    return std::nullopt;
}

Error fault(std::string_view term, const std::string& what) {
    return Error::invalid("\"" + std::string(term) + "\": " + what);
}

/// Decimal without leading zeros, at most `most`.
std::optional<unsigned> parse_prefix(std::string_view text, unsigned most) {
    unsigned value = 0;
    if (text.empty() || text.size() > 3 || !std::all_of(text.begin(), text.end(), is_digit) ||
        (text.size() > 1 && text[0] == '0')) {
        return std::nullopt;
    }
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value <= most ? std::optional(value) : std::nullopt;
}

/// Where "/24", "//64" or "/24//64" at the end of `text` begins; its size without one.
std::size_t find_prefixes(std::string_view text) {
    std::size_t at = text.size();
    for (int i = 0; i < 2; ++i) {
        std::size_t begin = at;
        while (begin > 0 && is_digit(text[begin - 1])) {
            --begin;
        }
        if (begin == 0 || text[begin - 1] != '/') {
            break;
        }
        --begin;
        const bool is_double = begin > 0 && text[begin - 1] == '/';
        at = is_double ? begin - 1 : begin;
        if (!is_double) {
            break;  // the first one is the last to be looked for
        }
    }
    return at;
}

/// "/24", "//64", "/24//64" or nothing.
bool parse_prefixes(std::string_view text, Directive& directive) {
    if (text.starts_with('/') && !text.starts_with("//")) {
        const std::size_t end = std::min(text.find("//"), text.size());
        const auto prefix = parse_prefix(text.substr(1, end - 1), 32);
        if (!prefix) {
            return false;
        }
        directive.prefix4 = *prefix;
        text.remove_prefix(end);
    }
    if (text.starts_with("//")) {
        const auto prefix = parse_prefix(text.substr(2), 128);
        if (!prefix) {
            return false;
        }
        directive.prefix6 = *prefix;
        text = {};
    }
    return text.empty();
}

bool parse_network(std::string_view text, Directive& directive) {
    const bool is_v4 = directive.mechanism == Mechanism::ip4;
    const std::size_t slash = text.find('/');
    boost::system::error_code error;
    const std::string address(text.substr(0, slash));
    directive.network =
        is_v4 ? boost::asio::ip::address(boost::asio::ip::make_address_v4(address, error))
              : boost::asio::ip::address(boost::asio::ip::make_address_v6(address, error));
    if (error || address.find('%') != std::string::npos) {
        return false;
    }
    if (slash == std::string_view::npos) {
        return true;
    }
    const auto prefix = parse_prefix(text.substr(slash + 1), is_v4 ? 32 : 128);
    (is_v4 ? directive.prefix4 : directive.prefix6) = prefix.value_or(0);
    return prefix.has_value();
}

Result<Directive> parse_directive(std::string_view term) {
    Directive directive;
    directive.text = term;
    std::string_view rest = term;
    constexpr std::string_view kQualifiers = "+-~?";
    if (const std::size_t found = kQualifiers.find(rest[0]); found != std::string_view::npos) {
        directive.qualifier = static_cast<Qualifier>(
            found == 0   ? Qualifier::pass
            : found == 1 ? Qualifier::fail
            : found == 2 ? Qualifier::softfail
                         : Qualifier::neutral
        );
        rest.remove_prefix(1);
    }
    const std::size_t end = std::min(rest.find_first_of(":/"), rest.size());
    const auto mechanism = find_mechanism(rest.substr(0, end));
    if (!mechanism) {
        return fault(term, "no such mechanism");
    }
    directive.mechanism = *mechanism;
    rest.remove_prefix(end);
    const bool has_argument = rest.starts_with(':');
    std::string_view argument = has_argument ? rest.substr(1) : rest;
    switch (*mechanism) {
        case Mechanism::all:
            return rest.empty() ? Result<Directive>(directive)
                                : fault(term, "\"all\" stands alone");
        case Mechanism::ip4:
        case Mechanism::ip6:
            return has_argument && parse_network(argument, directive)
                       ? Result<Directive>(directive)
                       : fault(term, "not an address or network");
        case Mechanism::a:
        case Mechanism::mx: {
            const std::size_t prefixes = find_prefixes(argument);
            if (!parse_prefixes(argument.substr(prefixes), directive)) {
                return fault(term, "not a prefix length");
            }
            argument = argument.substr(0, prefixes);
            break;
        }
        default:
            break;
    }
    const bool is_optional =
        *mechanism == Mechanism::a || *mechanism == Mechanism::mx || *mechanism == Mechanism::ptr;
    if (!has_argument) {
        return is_optional && argument.empty() ? Result<Directive>(directive)
                                               : fault(term, "a domain is missing");
    }
    if (!is_domain_spec(argument)) {
        return fault(term, "not a domain");
    }
    directive.domain = argument;
    return directive;
}

/// "name=value"; false where it is no modifier at all.
Result<bool> parse_modifier(std::string_view term, Record& record) {
    const std::size_t equals = term.find('=');
    if (equals == std::string_view::npos || !is_name(term.substr(0, equals))) {
        return false;
    }
    const std::string name = ascii_lower(term.substr(0, equals));
    const std::string_view value = term.substr(equals + 1);
    if (name != "redirect" && name != "exp") {
        return is_macro_string(value, MacroUse::explanation) ? Result<bool>(true)
                                                             : fault(term, "not a macro string");
    }
    auto& place = name == "exp" ? record.explanation : record.redirect;
    if (place) {
        return fault(term, "there is one already");
    }
    if (!is_domain_spec(value)) {
        return fault(term, "not a domain");
    }
    place = value;
    return true;
}

}  // namespace

bool is_spf_record(std::string_view text) {
    return ascii_lower(text.substr(0, kVersion.size())) == kVersion &&
           (text.size() == kVersion.size() || text[kVersion.size()] == ' ');
}

Result<Record> parse_record(std::string_view text) {
    Record record;
    text.remove_prefix(kVersion.size());
    while (!text.empty()) {
        if (text[0] == ' ') {
            text.remove_prefix(1);
            continue;
        }
        const std::string_view term = text.substr(0, text.find(' '));
        text.remove_prefix(term.size());
        const bool is_clean =
            std::all_of(term.begin(), term.end(), [](char c) { return c >= '!' && c <= '~'; });
        if (!is_clean) {
            return Error::invalid("it has characters that are neither ASCII nor printable");
        }
        const auto is_modifier = parse_modifier(term, record);
        if (!is_modifier) {
            return is_modifier.error();
        }
        if (*is_modifier) {
            continue;
        }
        auto directive = parse_directive(term);
        if (!directive) {
            return directive.error();
        }
        record.directives.push_back(std::move(*directive));
    }
    return record;
}

}  // namespace mxpost::spf
