#include "mail/content_type.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "base/text.h"

namespace mxpost::mail {
namespace {

/// Reads tokens, quoted strings and single special characters; comments and space are skipped.
class ValueReader {
public:
    explicit ValueReader(std::string_view text) : text_(text) {}

    /// The next token or the content of a quoted string; "" at a special character or the end.
    std::string word() {
        skip_space();
        return !text_.empty() && text_.front() == '"' ? quoted() : token();
    }
    /// A quoted string, or everything up to the next space or semicolon: boundaries are often
    /// written without the quotes that their characters need ("----=_Part/1").
    std::string loose_word() {
        skip_space();
        if (text_.starts_with('"')) {
            return quoted();
        }
        std::string result(text_.substr(0, text_.find_first_of("; \t\r\n")));
        text_.remove_prefix(result.size());
        return result;
    }
    /// Takes `c` if it comes next.
    bool take(char c) {
        skip_space();
        const bool is_next = text_.starts_with(c);
        text_.remove_prefix(is_next ? 1 : 0);
        return is_next;
    }
    /// Passes over everything up to the next semicolon outside quotes; false: none.
    bool next_parameter() {
        while (true) {
            skip_space();
            if (text_.empty()) {
                return false;
            }
            if (take(';')) {
                return true;
            }
            if (word().empty() && !text_.empty()) {
                text_.remove_prefix(1);
            }
        }
    }

private:
    static bool is_token_octet(char c) {
        return c > ' ' && c != 0x7F &&
               std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
    }

    void skip_space() {
        std::size_t depth = 0;
        while (!text_.empty()) {
            const char c = text_.front();
            if (c == '(') {
                ++depth;
            } else if (depth > 0 && c == ')') {
                --depth;
            } else if (depth > 0 && c == '\\' && text_.size() > 1) {
                text_.remove_prefix(1);
            } else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n') {
                return;
            }
            text_.remove_prefix(1);
        }
    }
    std::string token() {
        std::size_t length = 0;
        while (length < text_.size() && is_token_octet(text_[length])) {
            ++length;
        }
        std::string result(text_.substr(0, length));
        text_.remove_prefix(length);
        return result;
    }
    std::string quoted() {
        std::string result;
        text_.remove_prefix(1);
        while (!text_.empty() && text_.front() != '"') {
            if (text_.front() == '\\' && text_.size() > 1) {
                text_.remove_prefix(1);
            }
            result += text_.front();
            text_.remove_prefix(1);
        }
        text_.remove_prefix(text_.empty() ? 0 : 1);
        return result;
    }

    std::string_view text_;
};

/// A parameter that comes in sections, or has octets written as "%41" (RFC 2231 3, 4).
struct Section {
    std::uint64_t number = 0;
    bool is_encoded = false;
};

/// What "boundary*1*" names; nothing for the names of others.
std::optional<Section> boundary_section(std::string_view name) {
    constexpr std::string_view kStart = "boundary*";
    if (!name.starts_with(kStart)) {
        return std::nullopt;
    }
    name.remove_prefix(kStart.size());
    if (name.empty()) {
        return Section{0, true};
    }
    const bool is_encoded = name.ends_with('*');
    const auto number = parse_unsigned(name.substr(0, name.size() - (is_encoded ? 1 : 0)));
    return number ? std::optional(Section{*number, is_encoded}) : std::nullopt;
}

int hex_digit(char c) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const std::size_t at = kDigits.find(ascii_lower({&c, 1}));
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

/// The first section has a charset and a language in front: "us-ascii'en'a%20b".
std::string decoded(std::string_view text, bool is_first) {
    for (int i = 0; i < 2 && is_first; ++i) {
        const std::size_t quote = text.find('\'');
        text.remove_prefix(quote == std::string_view::npos ? 0 : quote + 1);
    }
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool is_whole = text[i] == '%' && i + 2 < text.size();
        const int high = is_whole ? hex_digit(text[i + 1]) : -1;
        const int low = is_whole ? hex_digit(text[i + 2]) : -1;
        if (high >= 0 && low >= 0) {
            result += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            result += text[i];
        }
    }
    return result;
}

/// Their order in the field means nothing.
std::string joined(const std::map<std::uint64_t, std::string>& sections) {
    std::string result;
    std::uint64_t next = 0;
    for (const auto& [number, text] : sections) {
        if (number != next++) {
            break;
        }
        result += text;
    }
    return result;
}

}  // namespace

ContentType parse_content_type(std::string_view value) {
    ContentType result;
    ValueReader reader(value);
    std::string type = ascii_lower(reader.word());
    if (type.empty() || !reader.take('/')) {
        return result;
    }
    result.type = std::move(type);
    result.subtype = ascii_lower(reader.word());
    std::map<std::uint64_t, std::string> sections;
    while (result.boundary.empty() && reader.next_parameter()) {
        const std::string name = ascii_lower(reader.word());
        if (!reader.take('=')) {
            continue;
        }
        if (name == "boundary") {
            result.boundary = reader.loose_word();
        } else if (const auto section = boundary_section(name)) {
            const std::string text = reader.loose_word();
            const bool is_first = section->number == 0;
            sections.emplace(section->number, section->is_encoded ? decoded(text, is_first) : text);
        } else {
            reader.word();
        }
    }
    if (result.boundary.empty()) {
        result.boundary = joined(sections);
    }
    return result;
}

std::string first_token(std::string_view value) {
    return ascii_lower(ValueReader(value).word());
}

}  // namespace mxpost::mail
