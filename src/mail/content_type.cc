#include "mail/content_type.h"

#include <cstddef>

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
    while (result.boundary.empty() && reader.next_parameter()) {
        const std::string name = ascii_lower(reader.word());
        if (!reader.take('=')) {
            continue;
        }
        if (name == "boundary") {
            result.boundary = reader.loose_word();
        } else {
            reader.word();
        }
    }
    return result;
}

std::string first_token(std::string_view value) {
    return ascii_lower(ValueReader(value).word());
}

}  // namespace mxpost::mail
