#include "mail/encoded_word.h"

#include <algorithm>

#include "base/text.h"
#include "mail/base64.h"

namespace mxpost::mail {
namespace {

constexpr std::size_t kMaxWord = 75;  // RFC 2047 2
constexpr std::size_t kMaxLine = 76;
constexpr std::string_view kHex = "0123456789ABCDEF";

bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool is_atext(char c) {
    return is_alphanumeric(c) ||
           std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string::npos;
}

/// What stands for itself in Q encoding wherever an encoded word may stand (RFC 2047 5 (3)).
bool is_plain_in_q(char c) {
    return is_alphanumeric(c) || std::string_view("!*+-/").find(c) != std::string::npos;
}

std::string q_encoded(std::string_view text) {
    std::string result;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (is_plain_in_q(c)) {
            result += c;
        } else if (c == ' ') {
            result += '_';
        } else {
            result += {'=', kHex[octet >> 4U], kHex[octet & 15U]};
        }
    }
    return result;
}

std::string without_controls(std::string_view text) {
    std::string result(text);
    std::replace_if(
        result.begin(),
        result.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; },
        ' '
    );
    return result;
}

/// Length of the character at the front of well-formed UTF-8.
std::size_t character_length(std::string_view text) {
    std::size_t length = 1;
    while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U) {
        ++length;
    }
    return length;
}

/// Only atoms with one space between them: a phrase that needs no quotes.
bool is_plain_phrase(std::string_view text) {
    char previous = ' ';
    for (const char c : text) {
        if (c == ' ' ? previous == ' ' : !is_atext(c)) {
            return false;
        }
        previous = c;
    }
    return previous != ' ';
}

}  // namespace

std::string encode_words(std::string_view text, std::size_t column, std::string_view charset) {
    const std::string clean = without_controls(text);
    const bool is_unicode = is_utf8(clean);
    const bool is_base64 = q_encoded(clean).size() > 2 * clean.size();
    const std::string start =
        "=?" + std::string(is_unicode ? "utf-8" : charset) + (is_base64 ? "?B?" : "?Q?");
    const std::size_t overhead = start.size() + 2;
    // A first word without room for one character starts too far right rather than never.
    std::size_t room = std::min(kMaxWord, kMaxLine - std::min(column, kMaxLine - overhead - 12));
    std::string result;
    for (std::string_view rest = clean; !rest.empty();) {
        std::size_t taken = 0;
        std::size_t size = 0;
        while (taken < rest.size()) {
            const std::size_t length = is_unicode ? character_length(rest.substr(taken)) : 1;
            const std::size_t added = q_encoded(rest.substr(taken, length)).size();
            const std::size_t next = is_base64 ? (taken + length + 2) / 3 * 4 : size + added;
            if (overhead + next > room) {
                break;
            }
            size = next;
            taken += length;
        }
        const std::string_view part = rest.substr(0, taken);
        result += (result.empty() ? "" : "\r\n ") + start +
                  (is_base64 ? base64_encoded(part) : q_encoded(part)) + "?=";
        rest.remove_prefix(taken);
        room = kMaxWord;
    }
    return result;
}

std::string display_name(std::string_view name, std::size_t column) {
    std::string clean(trim(without_controls(name)));
    if (!is_ascii(clean) || clean.find("=?") != std::string::npos) {
        return encode_words(clean, column);
    }
    if (clean.empty() || is_plain_phrase(clean)) {
        return clean;
    }
    std::string quoted = "\"";
    for (const char c : clean) {
        if (c == '"' || c == '\\') {
            quoted += '\\';
        }
        quoted += c;
    }
    return quoted + "\"";
}

}  // namespace mxpost::mail
