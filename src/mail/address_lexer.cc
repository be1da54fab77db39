#include "mail/address_lexer.h"

#include <algorithm>

namespace mxpost::mail {
namespace {

using Kind = AddressToken::Kind;

// Each unclosed quote or parenthesis costs a scan to the end of the text; after this many the rest
// counts as unclosed unseen, so that the work stays linear.
constexpr unsigned kMaxFailedScans = 16;
// RFC 2047 2 allows 75; callers write longer ones.
constexpr std::size_t kMaxEncodedWord = 200;

bool is_space(char c) {
    return c == ' ' || c == '\t';
}

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

bool is_special(char c) {
    return std::string_view("()<>:;@,\"").find(c) != std::string_view::npos;
}

Kind special_kind(char c) {
    switch (c) {
        case '<':
            return Kind::open;
        case '>':
            return Kind::close;
        case ':':
            return Kind::colon;
        case ';':
            return Kind::semicolon;
        case ',':
            return Kind::comma;
        default:
            return Kind::at;
    }
}

}  // namespace

/// Length of a line end at `offset` that is followed by white space, else 0.
std::size_t AddressLexer::folding_length(std::size_t offset) const {
    const std::size_t length = peek(offset) == '\r' ? 2 : 1;
    return peek(offset + length - 1) == '\n' && is_space(peek(offset + length)) ? length : 0;
}

/// Skips white space, folding and comments. False: a comment isn't closed, at_ stands on it.
bool AddressLexer::skip_space() {
    while (at_ < text_.size()) {
        if (is_space(text_[at_])) {
            ++at_;
        } else if (const std::size_t folding = folding_length(at_)) {
            at_ += folding;
        } else if (text_[at_] != '(') {
            return true;
        } else if (!skip_comment()) {
            return false;
        }
    }
    return true;
}

bool AddressLexer::skip_comment() {
    if (failed_scans_ >= kMaxFailedScans) {
        return false;
    }
    std::size_t depth = 0;
    for (std::size_t i = at_; i < text_.size(); ++i) {
        const char c = text_[i];
        if (c == '\\') {
            ++i;
        } else if (c == '\n' && folding_length(i) == 0) {
            break;
        } else if (c == '(') {
            ++depth;
        } else if (c == ')' && --depth == 0) {
            at_ = i + 1;
            return true;
        }
    }
    ++failed_scans_;
    return false;
}

AddressToken AddressLexer::bad(AddressToken token, const char* reason) {
    token.kind = Kind::bad;
    token.text = reason;
    token.end = std::min(text_.find_first_of(",;\n", at_), text_.size());
    at_ = token.end;
    return token;
}

/// Appends the quoted string at at_. False: not closed, at_ unchanged.
bool AddressLexer::take_quoted(AddressToken& token) {
    if (failed_scans_ >= kMaxFailedScans) {
        return false;
    }
    std::string content;
    for (std::size_t i = at_ + 1; i < text_.size(); ++i) {
        const char c = text_[i];
        if (c == '"') {
            token.text += content;
            token.is_quoted = true;
            at_ = i + 1;
            return true;
        }
        if (const std::size_t folding = folding_length(i)) {
            i += folding - 1;  // RFC 5322 3.2.4: folding is not part of the string
            continue;
        }
        if (c == '\n') {
            break;
        }
        if (c == '\\' && i + 1 < text_.size()) {
            ++i;
        }
        content += text_[i];
    }
    ++failed_scans_;
    return false;
}

/// Length of the encoded word at at_, 0 if there is none. A raw comma, parenthesis or quote in its
/// text is part of it: senders forget to encode them.
std::size_t AddressLexer::encoded_word_length() const {
    const std::string_view text = text_.substr(at_, kMaxEncodedWord);
    if (!text.starts_with("=?")) {
        return 0;
    }
    unsigned question_marks = 1;
    for (std::size_t i = 2; i < text.size(); ++i) {
        const char c = text[i];
        if (is_space(c) || is_control(c) || (question_marks < 3 && is_special(c))) {
            return 0;
        }
        if (c == '?' && ++question_marks >= 4) {
            return i + 1 < text.size() && text[i + 1] == '=' ? i + 2 : 0;
        }
    }
    return 0;
}

AddressToken AddressLexer::take_word(AddressToken token) {
    token.kind = Kind::word;
    while (at_ < text_.size()) {
        const char c = text_[at_];
        if (c == '"') {
            if (!take_quoted(token)) {
                return bad(std::move(token), "quote without end");
            }
        } else if (c == '\\') {
            if (at_ + 1 >= text_.size() || is_control(text_[at_ + 1])) {
                return bad(std::move(token), "backslash without character");
            }
            token.text += text_[at_ + 1];
            at_ += 2;
        } else if (is_space(c) || is_special(c) || c == '\n' || c == '\r') {
            break;
        } else if (is_control(c)) {
            return bad(std::move(token), "control character");
        } else {
            token.text += c;
            ++at_;
        }
    }
    token.end = at_;
    return token;
}

AddressToken AddressLexer::take_literal(AddressToken token) {
    token.kind = Kind::literal;
    // RFC 5322 3.4.1: a comma or semicolon before the bracket separates nothing, or else what is
    // behind it would be read as an address of its own.
    if (literal_stop_ <= at_) {  // else it is the same for this bracket as for one before it
        literal_stop_ = std::min(text_.find_first_of("]@\n<>\"", at_), text_.size());
    }
    if (literal_stop_ == text_.size() || text_[literal_stop_] != ']') {
        return bad(std::move(token), "address literal without end");
    }
    token.text = text_.substr(at_, literal_stop_ + 1 - at_);
    at_ = literal_stop_ + 1;
    token.end = at_;
    return token;
}

AddressToken AddressLexer::next() {
    AddressToken token;
    const std::size_t start = at_;
    const bool is_closed = skip_space();
    token.has_space_before = at_ > start;
    token.begin = at_;
    if (!is_closed) {
        token = bad(std::move(token), "comment without end");
    } else if (at_ >= text_.size()) {
        token.end = at_;
    } else if (const std::size_t length = encoded_word_length()) {
        token.kind = Kind::encoded;
        at_ += length;
        token.end = at_;
    } else if (text_[at_] == '\n' || (text_[at_] == '\r' && peek(at_ + 1) == '\n')) {
        token.kind = Kind::newline;
        at_ += text_[at_] == '\r' ? 2U : 1U;
        token.end = at_;
    } else if (text_[at_] == '\r') {
        token = bad(std::move(token), "control character");
    } else if (text_[at_] == ')') {
        token = bad(std::move(token), "parenthesis without begin");
    } else if (text_[at_] == '[' && previous_ == Kind::at) {
        token = take_literal(std::move(token));
    } else if (is_special(text_[at_]) && text_[at_] != '"') {
        token.kind = special_kind(text_[at_]);
        token.end = ++at_;
    } else {
        token = take_word(std::move(token));
    }
    previous_ = token.kind;
    return token;
}

}  // namespace mxpost::mail
