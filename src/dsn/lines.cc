#include "dsn/lines.h"

#include <algorithm>

#include "base/text.h"
#include "mail/xtext.h"

namespace mxpost::dsn {
namespace {

constexpr std::size_t kFieldColumns = 76;
constexpr std::size_t kTextColumns = 72;

/// Appends the words of `text`; a word that would pass `columns` goes to a new line, which begins
/// with `prefix`. `column` is where the line stands.
void append_words(
    std::string& out,
    std::string_view text,
    std::size_t column,
    std::size_t columns,
    std::string_view prefix
) {
    bool is_first = true;
    for (const std::string_view word : split(text, ' ')) {
        if (word.empty()) {
            continue;
        }
        if (!is_first && column + 1 + word.size() > columns) {
            out += "\r\n";
            out += prefix;
            column = prefix.size();
        } else if (!is_first) {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
        is_first = false;
    }
}

}  // namespace

std::string ascii_printable(std::string_view text, std::size_t max_bytes) {
    std::string result;
    for (const char c : printable(text, max_bytes)) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet < 0x80) {
            result += c;
        } else if (octet >= 0xC0) {
            result += '?';  // once a character: its other octets are below
        }
    }
    return result;
}

std::string folded_field(std::string_view name, std::string_view value) {
    std::string out(name);
    out += ": ";
    append_words(out, value, out.size(), kFieldColumns, " ");
    return out + "\r\n";
}

std::string wrapped(std::string_view text, std::size_t indent) {
    const std::string prefix(indent, ' ');
    std::string out = prefix;
    append_words(out, text, indent, kTextColumns, prefix);
    return out + "\r\n";
}

std::string decode_xtext(std::string_view text) {
    auto octets = mail::from_xtext(text);
    const bool is_plain = octets && std::all_of(octets->begin(), octets->end(), [](char c) {
                              return c >= ' ' && c <= '~';
                          });
    return is_plain ? *std::move(octets) : std::string(text);
}

}  // namespace mxpost::dsn
