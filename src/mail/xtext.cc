#include "mail/xtext.h"

namespace mxpost::mail {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

bool is_plain(char c) {
    return c > ' ' && c <= '~' && c != '+' && c != '=';
}
bool is_hex(char c) {
    return kHexDigits.find(c) != std::string_view::npos;
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

std::string to_utf8_xtext(std::string_view text) {
    std::string encoded;
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i++]);
        if (lead < 0x80U) {
            encoded += static_cast<char>(lead);
            continue;
        }
        unsigned character = lead >= 0xF0U   ? lead & 0x07U
                             : lead >= 0xE0U ? lead & 0x0FU
                                             : lead & 0x1FU;
        for (; i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U; ++i) {
            character = character << 6U | (static_cast<unsigned char>(text[i]) & 0x3FU);
        }
        std::string digits;
        for (; character != 0; character >>= 4U) {
            digits.insert(digits.begin(), kHexDigits[character & 15U]);
        }
        encoded += "\\x{" + digits + "}";
    }
    return encoded;
}

}  // namespace mxpost::mail
