// The tokens of an address list (RFC 5322 3.2, with what callers write beyond it).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mxpost::mail {

/// One token of an address list. `begin` and `end` are offsets in the text; comments and white
/// space belong to no token.
struct AddressToken {
    enum class Kind {
        word,     // atoms, quoted strings and backslash pairs without space between them
        encoded,  // an RFC 2047 encoded word, with whatever it holds
        at,
        literal,  // "[192.0.2.1]", only after '@'
        open,     // '<'
        close,    // '>'
        colon,
        comma,
        semicolon,
        newline,  // a line end that isn't folding
        end,
        bad  // `text` is the reason, `end` where the next separator stands
    };

    Kind kind = Kind::end;
    std::size_t begin = 0;
    std::size_t end = 0;
    bool has_space_before = false;  // white space or a comment
    bool is_quoted = false;         // a word with a quoted string in it
    std::string text;               // word: without quotes and backslashes; literal: with brackets

    bool is_separator() const {
        return kind == Kind::comma || kind == Kind::semicolon || kind == Kind::newline ||
               kind == Kind::end;
    }
};

class AddressLexer {
public:
    /// `text` must outlive the lexer.
    explicit AddressLexer(std::string_view text) : text_(text) {}

    AddressToken next();
    /// Continues at `offset`.
    void seek(std::size_t offset) { at_ = offset; }

private:
    char peek(std::size_t offset) const { return offset < text_.size() ? text_[offset] : '\0'; }
    std::size_t folding_length(std::size_t offset) const;
    bool skip_space();
    bool skip_comment();
    bool take_quoted(AddressToken& token);
    std::size_t encoded_word_length() const;
    AddressToken take_word(AddressToken token);
    AddressToken take_literal(AddressToken token);
    AddressToken bad(AddressToken token, const char* reason);

    std::string_view text_;
    std::size_t at_ = 0;
    AddressToken::Kind previous_ = AddressToken::Kind::comma;
    std::size_t literal_stop_ = 0;  // what ends a literal, found from an earlier bracket on
    unsigned failed_scans_ = 0;     // for a closing quote or parenthesis that isn't there
};

}  // namespace mxpost::mail
