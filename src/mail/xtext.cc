#include "mail/xtext.h"

#include <algorithm>
#include <cstdint>

#include "base/text.h"

namespace mxpost::mail {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

bool is_plain(char c) {
    return c > ' ' && c <= '~' && c != '+' && c != '=';
}
bool is_hex(char c) {
    return kHexDigits.find(c) != std::string_view::npos;
}

/// Takes one character, or one octet that begins none, off the front of `text`.
std::uint32_t take_code_point(std::string_view& text) {
    const auto first = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    if (first < 0x80) {
        return first;
    }
    std::uint32_t point = first >= 0xF0   ? first & 0x07U
                          : first >= 0xE0 ? first & 0x0FU
                                          : first & 0x1FU;
    while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xC0U) == 0x80U) {
        point = point << 6U | (static_cast<unsigned char>(text.front()) & 0x3FU);
        text.remove_prefix(1);
    }
    return point;
}

/// HEXPOINT: upper case, at least two digits.
std::string hex_point(std::uint32_t point) {
    std::string hex;
    for (; point != 0 || hex.size() < 2; point >>= 4U) {
        hex.insert(hex.begin(), kHexDigits[point & 15U]);
    }
    return hex;
}

/// UTF-8 of a code point; nothing for none (RFC 3629 3), and for a control character.
std::optional<std::string> utf8_of(std::uint32_t point) {
    if (point < 0x20 || (point >= 0x7F && point < 0xA0) || (point >= 0xD800 && point < 0xE000) ||
        point > 0x10FFFF) {
        return std::nullopt;
    }
    if (point < 0x80) {
        return std::string(1, static_cast<char>(point));
    }
    const std::size_t tail_count = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    const std::uint32_t lead = tail_count == 1 ? 0xC0U : tail_count == 2 ? 0xE0U : 0xF0U;
    std::string octets(1, static_cast<char>(lead | point >> (6 * tail_count)));
    for (std::size_t i = tail_count; i-- > 0;) {
        octets += static_cast<char>(0x80U | (point >> (6 * i) & 0x3FU));
    }
    return octets;
}

/// Two to six hexadecimal digits; nothing for anything else.
std::optional<std::uint32_t> parse_hex_point(std::string_view digits) {
    if (digits.size() < 2 || digits.size() > 6) {
        return std::nullopt;
    }
    std::uint32_t point = 0;
    for (const char digit : digits) {
        const std::size_t value = kHexDigits.find(digit);
        if (value == std::string_view::npos) {
            return std::nullopt;
        }
        point = point << 4U | static_cast<std::uint32_t>(value);
    }
    return point;
}

}  // namespace

bool is_xtext(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (is_plain(text[i])) {
            continue;
        }
        if (text[i] != '+' || i + 2 >= text.size() || !is_hex(text[i + 1]) ||
            !is_hex(text[i + 2])) {
            return false;
        }
        i += 2;
    }
    return !text.empty();
}

std::string to_xtext(std::string_view text) {
    std::string encoded;
    for (const char c : text) {
        if (is_plain(c)) {
            encoded += c;
        } else {
            const auto octet = static_cast<unsigned char>(c);
            encoded += '+';
            encoded += kHexDigits[octet >> 4U];
            encoded += kHexDigits[octet & 15U];
        }
    }
    return encoded;
}

std::optional<std::string> from_xtext(std::string_view text) {
    if (!is_xtext(text)) {
        return std::nullopt;
    }
    std::string octets;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '+') {
            octets += text[i];
            continue;
        }
        const std::size_t high = kHexDigits.find(text[i + 1]);
        const std::size_t low = kHexDigits.find(text[i + 2]);
        octets += static_cast<char>(high << 4U | low);
        i += 2;
    }
    return octets;
}

std::string to_utf8_address_xtext(std::string_view text) {
    std::string encoded;
    while (!text.empty()) {
        const std::uint32_t point = take_code_point(text);
        if (point < 0x80 && is_plain(static_cast<char>(point)) && point != '\\') {
            encoded += static_cast<char>(point);
        } else {
            encoded += "\\x{" + hex_point(point) + "}";
        }
    }
    return encoded;
}

std::string to_utf8_xtext(std::string_view value) {
    std::string encoded;
    while (!value.empty()) {
        const std::uint32_t point = take_code_point(value);
        encoded += point < 0x80 ? std::string(1, static_cast<char>(point))
                                : "\\x{" + hex_point(point) + "}";
    }
    return encoded;
}

std::optional<std::string> from_utf8_address_xtext(std::string_view text) {
    std::string address;
    while (!text.empty()) {
        const std::size_t at = std::min(text.find("\\x{"), text.size());
        address += text.substr(0, at);
        text.remove_prefix(at);
        if (text.empty()) {
            break;
        }
        const std::size_t end = text.find('}');
        const auto point =
            end == std::string_view::npos ? std::nullopt : parse_hex_point(text.substr(3, end - 3));
        const auto octets = point ? utf8_of(*point) : std::nullopt;
        if (!octets) {
            return std::nullopt;
        }
        address += *octets;
        text.remove_prefix(end + 1);
    }
    return address;
}

std::string original_recipient_of(const Address& address) {
    const std::string text = address.text();
    return is_ascii(text) ? "rfc822;" + to_xtext(text) : "utf-8;" + to_utf8_address_xtext(text);
}

bool is_original_recipient(std::string_view text) {
    const std::size_t at = text.find(';');
    if (at == 0 || at == std::string_view::npos || text.size() > kMaxOriginalRecipient) {
        return false;
    }
    const std::string_view type = text.substr(0, at);
    const bool is_atom = std::all_of(type.begin(), type.end(), [](char c) {
        return is_plain(c) && std::string_view("()<>@,;:\\\".[]").find(c) == std::string_view::npos;
    });
    return is_atom && is_xtext(text.substr(at + 1));
}

}  // namespace mxpost::mail
