#include "spf/macro.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <optional>
#include <vector>

#include "base/text.h"

namespace mxpost::spf {

namespace {

constexpr std::string_view kDelimiters = ".-+,/_=";
constexpr std::size_t kMaxName = 253;

/// "%{d2r-}", taken apart.
struct Macro {
    char letter = 0;  // lower-case
    bool is_escaped = false;
    unsigned parts = 0;  // 0: all
    bool is_reversed = false;
    std::string delimiters;
    std::size_t length = 0;  // of the whole, with "%{" and "}"
};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// `text` begins with "%{".
std::optional<Macro> parse_macro(std::string_view text, MacroUse use) {
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos || end < 3) {
        return std::nullopt;
    }
    Macro macro;
    macro.length = end + 1;
    std::string_view inside = text.substr(2, end - 2);
    macro.letter = ascii_lower(inside.substr(0, 1))[0];
    macro.is_escaped = inside[0] != macro.letter;
    const std::string_view letters = use == MacroUse::explanation ? "slodiphvcrt" : "slodiphv";
    if (letters.find(macro.letter) == std::string_view::npos) {
        return std::nullopt;
    }
    inside.remove_prefix(1);
    std::size_t digits = 0;
    while (digits < inside.size() && is_digit(inside[digits])) {
        ++digits;
    }
    if (digits > 0) {
        const auto [last, error] =
            std::from_chars(inside.data(), inside.data() + digits, macro.parts);
        if (error == std::errc::result_out_of_range) {
            macro.parts = 0;  // more than any text has: all
        } else if (macro.parts == 0) {
            return std::nullopt;  // RFC 7208 7.3: nonzero
        }
        inside.remove_prefix(digits);
    }
    if (!inside.empty() && (inside[0] == 'r' || inside[0] == 'R')) {
        macro.is_reversed = true;
        inside.remove_prefix(1);
    }
    if (inside.find_first_not_of(kDelimiters) != std::string_view::npos) {
        return std::nullopt;
    }
    macro.delimiters = inside.empty() ? "." : std::string(inside);
    return macro;
}

/// How many octets the first item of `text` has: a macro, "%%" and so on, or a literal; 0: neither.
std::size_t item_length(std::string_view text, MacroUse use) {
    if (text[0] != '%') {
        const bool is_literal = text[0] >= '!' && text[0] <= '~';
        return is_literal || (text[0] == ' ' && use == MacroUse::explanation) ? 1 : 0;
    }
    if (text.size() < 2) {
        return 0;
    }
    if (text[1] == '%' || text[1] == '_' || text[1] == '-') {
        return 2;
    }
    const auto macro = text[1] == '{' ? parse_macro(text, use) : std::nullopt;
    return macro ? macro->length : 0;
}

/// Dotted; each nibble a label for IPv6 (RFC 7208 7.3).
std::string dotted(const boost::asio::ip::address& address) {
    if (address.is_v4()) {
        return address.to_string();
    }
    std::string text;
    for (const unsigned char octet : address.to_v6().to_bytes()) {
        for (const unsigned nibble : {octet / 16U, octet % 16U}) {
            text += text.empty() ? "" : ".";
            text += "0123456789abcdef"[nibble];
        }
    }
    return text;
}

std::string value_of(char letter, const MacroValues& values) {
    switch (letter) {
        case 's':
            return values.local_part + "@" + values.sender_domain;
        case 'l':
            return values.local_part;
        case 'o':
            return values.sender_domain;
        case 'd':
            return values.domain;
        case 'i':
            return dotted(values.client);
        case 'p':
            return values.validated;
        case 'v':
            return values.client.is_v4() ? "in-addr" : "ip6";
        case 'h':
            return values.helo;
        case 'c':
            return values.client.to_string();
        case 'r':
            return values.receiver;
        default:
            return std::to_string(to_seconds(values.now).time_since_epoch().count());
    }
}

std::string transformed(const std::string& value, const Macro& macro) {
    std::vector<std::string> parts(1);
    for (const char c : value) {
        if (macro.delimiters.find(c) != std::string::npos) {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    if (macro.is_reversed) {
        std::reverse(parts.begin(), parts.end());
    }
    const std::size_t kept =
        macro.parts == 0 ? parts.size() : std::min<std::size_t>(macro.parts, parts.size());
    std::string text;
    for (std::size_t i = parts.size() - kept; i < parts.size(); ++i) {
        text += (text.empty() && i == parts.size() - kept ? "" : ".") + parts[i];
    }
    return text;
}

/// RFC 3986 2.3
bool is_unreserved(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

std::string url_escaped(const std::string& text) {
    std::string result;
    for (const char c : text) {
        if (is_unreserved(c)) {
            result += c;
        } else {
            std::array<char, 4> escape{};
            std::snprintf(
                escape.data(),
                escape.size(),
                "%%%02X",
                static_cast<unsigned>(static_cast<unsigned char>(c))
            );
            result += escape.data();
        }
    }
    return result;
}

/// An alphanumeric label that isn't all digits, or one with a hyphen inside (RFC 7208 7.1).
bool is_top_label(std::string_view label) {
    if (label.empty() || label.front() == '-' || label.back() == '-') {
        return false;
    }
    bool has_other = false;
    for (const char c : label) {
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !is_digit(c) && c != '-') {
            return false;
        }
        has_other |= !is_digit(c);
    }
    return has_other;
}

}  // namespace

bool is_macro_string(std::string_view text, MacroUse use) {
    while (!text.empty()) {
        const std::size_t length = item_length(text, use);
        if (length == 0) {
            return false;
        }
        text.remove_prefix(length);
    }
    return true;
}

bool is_domain_spec(std::string_view text) {
    if (text.empty() || !is_macro_string(text, MacroUse::domain)) {
        return false;
    }
    // Behind the last macro there are literals only.
    std::string_view rest = text;
    std::string_view tail;
    bool ends_with_macro = false;
    while (!rest.empty()) {
        const std::size_t length = item_length(rest, MacroUse::domain);
        ends_with_macro = length > 2;
        if (length > 1) {
            tail = rest.substr(length);
        }
        rest.remove_prefix(length);
    }
    if (ends_with_macro) {
        return true;
    }
    const bool has_macros = tail.data() != nullptr;
    std::string_view literals = has_macros ? tail : text;
    if (literals.ends_with('.')) {
        literals.remove_suffix(1);
    }
    const std::size_t dot = literals.rfind('.');
    return dot != std::string_view::npos && is_top_label(literals.substr(dot + 1));
}

bool has_macro(std::string_view text, char letter) {
    while (!text.empty()) {
        const auto macro =
            text.starts_with("%{") ? parse_macro(text, MacroUse::explanation) : std::nullopt;
        if (macro && macro->letter == letter) {
            return true;
        }
        text.remove_prefix(std::max<std::size_t>(1, item_length(text, MacroUse::explanation)));
    }
    return false;
}

std::string expand(std::string_view text, const MacroValues& values) {
    std::string result;
    while (!text.empty()) {
        const std::size_t length =
            std::max<std::size_t>(1, item_length(text, MacroUse::explanation));
        const std::string_view item = text.substr(0, length);
        if (item == "%%") {
            result += '%';
        } else if (item == "%_") {
            result += ' ';
        } else if (item == "%-") {
            result += "%20";
        } else if (item.size() > 2) {
            const auto macro = parse_macro(item, MacroUse::explanation);
            const std::string value = transformed(value_of(macro->letter, values), *macro);
            result += macro->is_escaped ? url_escaped(value) : value;
        } else {
            result += item;
        }
        text.remove_prefix(length);
    }
    return result;
}

std::string shortened(std::string name) {
    while (name.size() > kMaxName) {
        const std::size_t dot = name.find('.');
        if (dot == std::string::npos) {
            break;
        }
        name.erase(0, dot + 1);
    }
    return name;
}

}  // namespace mxpost::spf
