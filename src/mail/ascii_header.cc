#include "mail/ascii_header.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "mail/address.h"
#include "mail/address_lexer.h"
#include "mail/encoded_word.h"
#include "mail/parameters.h"

namespace mxpost::mail {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kLastStart = 60;  // of an encoded word in a line

constexpr std::array<std::string_view, 12> kAddressFields = {
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Disposition-Notification-To",
    "Return-Receipt-To",
    "Errors-To",
    "Mail-Followup-To",
    "Mail-Reply-To",
    "Apparently-To"};
constexpr std::array<std::string_view, 12> kOtherFields = {
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Received",
    "Return-Path",
    "MIME-Version",
    "Content-Transfer-Encoding",
    "Content-ID",
    "DKIM-Signature",
    "ARC-Seal",
    "ARC-Message-Signature"};

/// Also as "Resent-…".
template <class Names>
bool is_one_of(const Names& names, std::string_view name) {
    if (ascii_istarts_with(name, "Resent-")) {
        name.remove_prefix(7);
    }
    return std::ranges::any_of(names, [&](std::string_view known) {
        return ascii_iequals(name, known);
    });
}

/// A field's value as it grows.
class Line {
public:
    /// `column`: octets that stand before it.
    explicit Line(std::size_t column) : column_(column) {}

    void add(std::string_view text) {
        text_ += text;
        const std::size_t end = text.rfind('\n');
        column_ = end == std::string_view::npos ? column_ + text.size() : text.size() - end - 1;
    }
    std::size_t column() const { return column_; }
    bool is_at_space() const { return !text_.empty() && kSpace.find(text_.back()) != kSpace.npos; }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
    std::size_t column_;
};

bool is_encoded_word(std::string_view word) {
    return word.size() > 6 && word.starts_with("=?") && word.ends_with("?=") && is_ascii(word);
}

/// Between two encoded words white space isn't shown (RFC 2047 6.2): what stands beside one has its
/// space inside.
std::string with_inner_space(std::string_view text, bool is_behind, bool is_before) {
    return (is_behind ? " " : "") + std::string(text) + (is_before ? " " : "");
}

/// A field that is text. `keeps_addresses`: those in ASCII, because it should have been a list of
/// them.
class TextEncoder {
public:
    TextEncoder(std::size_t column, std::string_view charset, bool keeps_addresses = false)
        : line_(column), charset_(charset), keeps_addresses_(keeps_addresses) {}

    std::string encode(std::string_view value) {
        for (std::size_t at = 0; at < value.size();) {
            const std::size_t begin = std::min(value.find_first_not_of(kSpace, at), value.size());
            const std::size_t end = std::min(value.find_first_of(kSpace, begin), value.size());
            take(value.substr(at, begin - at), value.substr(begin, end - begin));
            at = end;
        }
        finish_run(false);
        return line_.take();
    }

private:
    /// A word, and the white space before it.
    void take(std::string_view space, std::string_view word) {
        const bool is_encoded = is_encoded_word(word);
        if (!is_encoded && !is_ascii(word)) {
            if (run_.empty()) {
                const bool is_late = line_.column() > kLastStart && !space.empty() &&
                                     space.find('\n') == std::string_view::npos;
                line_.add(is_late ? "\r\n" : "");
                line_.add(space);
                is_behind_encoded_ = was_encoded_;
                run_ = word;
            } else {
                run_.append(pending_).append(space).append(word);
            }
            pending_.clear();
            return;
        }
        if (!run_.empty() && !is_encoded && !ends_run(word)) {
            // Perhaps between two words that are to be encoded.
            pending_.append(space).append(word);
            return;
        }
        finish_run(is_encoded && pending_.empty());
        line_.add(space);
        line_.add(word);
        was_encoded_ = is_encoded;
    }

    /// Within an encoded word nobody finds an address.
    bool ends_run(std::string_view word) const {
        return keeps_addresses_ && word.find_first_of("@<") != std::string_view::npos;
    }

    void finish_run(bool is_before_encoded) {
        if (!run_.empty()) {
            const std::string text =
                with_inner_space(unfolded(run_), is_behind_encoded_, is_before_encoded);
            line_.add(encode_words(text, line_.column(), charset_));
            was_encoded_ = pending_.empty();
        }
        line_.add(pending_);
        run_.clear();
        pending_.clear();
    }

    /// Line ends become nothing: the white space behind them stays.
    static std::string unfolded(std::string text) {
        std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
        return text;
    }

    Line line_;
    std::string_view charset_;
    bool keeps_addresses_;
    std::string run_;      // from a word beyond ASCII to another one
    std::string pending_;  // ASCII behind it
    bool was_encoded_ = false;
    bool is_behind_encoded_ = false;
};

/// A field with addresses: their names and comments.
class AddressEncoder {
public:
    AddressEncoder(std::string_view value, std::size_t column, std::string_view charset)
        : value_(value), line_(column), charset_(charset) {}

    std::string encode() {
        AddressLexer lexer(value_);
        while (true) {
            const AddressToken token = lexer.next();
            if (is_word(token)) {
                words_.push_back(token);
                continue;
            }
            if (token.kind == AddressToken::Kind::comma && is_in_name(token, lexer)) {
                words_.back().text += ',';
                words_.back().end = token.end;
                continue;
            }
            const bool is_name = token.kind == AddressToken::Kind::open ||
                                 token.kind == AddressToken::Kind::colon ||
                                 (token.is_separator() && is_name_alone());
            put_words(is_name);
            previous_ = token.kind;
            if (token.kind == AddressToken::Kind::end) {
                put_gap(value_.size());
                return line_.take();
            }
            put_gap(token.begin);
            put(value_.substr(token.begin, token.end - token.begin));
            given_ = std::max(given_, token.end);
        }
    }

private:
    static bool is_word(const AddressToken& token) {
        return token.kind == AddressToken::Kind::word || token.kind == AddressToken::Kind::encoded;
    }

    /// Have words_, behind which an element ends, no domain? ("host!user" has one.) Beyond ASCII
    /// they are rather a name whose address is missing than a user of this host.
    bool is_name_alone() const {
        return previous_ != AddressToken::Kind::at &&
               !std::ranges::all_of(words_, [](const AddressToken& word) {
                   return word.text.find('!') != std::string::npos;
               });
    }

    /// Is this comma one that its writer forgot to quote ("Müller, Jörg <j@x>")?
    bool is_in_name(const AddressToken& comma, AddressLexer behind) const {
        const bool is_at_start = previous_ == AddressToken::Kind::colon ||
                                 previous_ == AddressToken::Kind::comma ||
                                 previous_ == AddressToken::Kind::semicolon;
        const bool is_name = std::ranges::any_of(words_, [](const AddressToken& word) {
            return !is_ascii(word.text);
        });
        if (!is_at_start || !is_name || !is_name_alone() ||
            words_.back().kind != AddressToken::Kind::word || words_.back().end != comma.begin) {
            return false;
        }
        AddressToken token = behind.next();
        while (is_word(token)) {
            token = behind.next();
        }
        return token.kind == AddressToken::Kind::open;
    }

    void put(std::string_view text) { line_.add(text); }

    /// White space and comments up to an offset.
    void put_gap(std::size_t end) {
        if (end <= given_) {
            return;
        }
        const std::string_view gap = value_.substr(given_, end - given_);
        given_ = end;
        const bool is_plain = is_ascii(gap);
        for (std::size_t at = 0; at < gap.size();) {
            const std::size_t open = is_plain ? std::string_view::npos : gap.find('(', at);
            put(gap.substr(at, open == std::string_view::npos ? open : open - at));
            if (open == std::string_view::npos) {
                return;
            }
            at = put_comment(gap, open);
        }
    }

    /// The offset behind it.
    std::size_t put_comment(std::string_view gap, std::size_t open) {
        std::string text;
        std::size_t depth = 1;
        std::size_t at = open + 1;
        for (; at < gap.size(); ++at) {
            if (gap[at] == '\\' && at + 1 < gap.size()) {
                text += gap[++at];
                continue;
            }
            depth += gap[at] == '(' ? 1U : 0U;
            depth -= gap[at] == ')' ? 1U : 0U;
            if (depth == 0) {
                break;
            }
            text += gap[at];
        }
        const std::size_t end = std::min(at + 1, gap.size());
        if (is_ascii(text)) {
            put(gap.substr(open, end - open));
        } else {
            put("(");
            put(encode_words(text, line_.column(), charset_));
            put(")");
        }
        return end;
    }

    /// A name that ends at an offset, as encoded words. RFC 2047 5 (3): white space must stand
    /// between them and what is beside them ("Jo<a@x>" has none), else they are none for readers.
    void put_name(const std::string& text, std::size_t end) {
        if (!line_.is_at_space()) {
            put(" ");
        }
        put(encode_words(text, line_.column(), charset_));
        given_ = end;
        if (end < value_.size() && kSpace.find(value_[end]) == std::string_view::npos) {
            put(" ");
        }
    }

    bool has_comment_before(std::size_t word) const {
        const std::size_t begin = words_[word - 1].end;
        return value_.substr(begin, words_[word].begin - begin).find('(') != std::string_view::npos;
    }

    /// Words without anything but comments between them. Those of a name are one text, up to a
    /// comment, which stays.
    void put_words(bool is_name) {
        for (std::size_t i = 0; i < words_.size();) {
            std::size_t end = i;
            std::string text;
            while (end < words_.size() && words_[end].kind == AddressToken::Kind::word &&
                   (end == i || !has_comment_before(end))) {
                text += (end > i ? " " : "") + words_[end].text;
                ++end;
            }
            put_gap(words_[i].begin);
            if (is_name && end > i && !is_ascii(text)) {
                const bool is_behind = i > 0 && !has_comment_before(i);
                const bool is_before = end < words_.size() && !has_comment_before(end);
                put_name(with_inner_space(text, is_behind, is_before), words_[end - 1].end);
            } else {
                end = std::max(end, i + 1);
                for (std::size_t k = i; k < end; ++k) {
                    put_gap(words_[k].begin);
                    put(value_.substr(words_[k].begin, words_[k].end - words_[k].begin));
                    given_ = words_[k].end;
                }
            }
            i = end;
        }
        words_.clear();
    }

    std::string_view value_;
    Line line_;
    std::string_view charset_;
    std::size_t given_ = 0;  // of value_
    std::vector<AddressToken> words_;
    AddressToken::Kind previous_ = AddressToken::Kind::comma;  // stands in front of words_
};

/// Also one without addresses ("undisclosed recipients:;"). "<Büro>" is none: it would need RFC
/// 6531 for a user that this host hardly has.
bool is_address_list(std::string_view value) {
    const AddressList list = parse_address_list(value);
    return list.bad.empty() && std::ranges::all_of(list.addresses, [](const Address& address) {
               return address.is_qualified() || !address.needs_smtp_utf8();
           });
}

std::string encode_addresses(const HeaderField& field, std::string_view charset) {
    const std::size_t column = field.name.size() + 1;
    std::string value = AddressEncoder(field.value, column, charset).encode();
    return is_ascii(value) || is_address_list(value)
               ? value
               : TextEncoder(column, charset, true).encode(field.value);
}

std::string with_question_marks(std::string value) {
    std::ranges::replace_if(
        value, [](char c) { return static_cast<unsigned char>(c) > 127; }, '?'
    );
    return value;
}

/// Of text that isn't UTF-8. What isn't a charset's name must not get into an encoded-word.
std::string charset_of(const HeaderBlock& header) {
    const HeaderField* const type = header.find("Content-Type");
    std::string named =
        type == nullptr ? std::string() : ascii_lower(parameter(type->value, "charset"));
    const bool is_name =
        named.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
    for (const char* family : {"iso-8859-", "windows-125", "koi8-"}) {
        if (named.starts_with(family) && named.size() < 20 && is_name) {
            return named;
        }
    }
    return "unknown-8bit";
}

}  // namespace

bool has_addresses(const HeaderField& field) {
    return is_one_of(kAddressFields, field.name);
}

std::string ascii_text(std::string_view value, std::size_t column, std::string_view charset) {
    return TextEncoder(column, charset).encode(value);
}

void make_ascii(HeaderBlock& header) {
    std::string charset;
    for (HeaderField& field : header.fields) {
        if (is_ascii(field.value)) {
            continue;
        }
        if (charset.empty()) {
            charset = charset_of(header);
        }
        if (has_addresses(field)) {
            field.value = encode_addresses(field, charset);
        } else if (field.is("Content-Type") || field.is("Content-Disposition")) {
            field.value = with_question_marks(ascii_parameters(field.value, charset));
        } else if (is_one_of(kOtherFields, field.name)) {
            field.value = with_question_marks(std::move(field.value));
        } else {
            field.value = ascii_text(field.value, field.name.size() + 1, charset);
        }
    }
}

}  // namespace mxpost::mail
