#include "dkim/canonical.h"

#include <array>
#include <utility>

#include "base/text.h"

namespace mxpost::dkim {
namespace {

constexpr std::size_t kPiece = std::size_t{16} * 1024;

bool is_white_space(char c) {
    return c == ' ' || c == '\t';
}

const char* word_of(Form form) {
    return form == Form::simple ? "simple" : "relaxed";
}

std::optional<Form> parse_form(std::string_view text) {
    for (const Form form : {Form::simple, Form::relaxed}) {
        if (text == word_of(form)) {
            return form;
        }
    }
    return std::nullopt;
}

/// RFC 6376 3.4.2: white space, with the line ends of folding, is one space; none around it all.
void append_relaxed_value(std::string_view value, std::string& out) {
    bool has_gap = false;
    bool has_text = false;
    for (std::size_t i = 0; i < value.size(); ++i) {
        const bool is_fold = value[i] == '\r' && value.substr(i, 2) == "\r\n";
        if (is_fold || is_white_space(value[i])) {
            has_gap = has_gap || !is_fold;
            i += is_fold ? 1 : 0;
            continue;
        }
        if (has_gap && has_text) {
            out += ' ';
        }
        has_gap = false;
        has_text = true;
        out += value[i];
    }
}

}  // namespace

std::string text_of(const Canonicalization& canonicalization) {
    return std::string(word_of(canonicalization.header)) + "/" + word_of(canonicalization.body);
}

std::optional<Canonicalization> parse_canonicalization(std::string_view text) {
    const auto words = split(text, '/');
    if (words.size() != 2) {
        return std::nullopt;
    }
    const auto header = parse_form(words[0]);
    const auto body = parse_form(words[1]);
    return header && body ? std::optional(Canonicalization{*header, *body}) : std::nullopt;
}

void append_canonical_field(Form form, std::string_view field, std::string& out) {
    const std::size_t colon = field.find(':');
    if (form == Form::simple || colon == std::string_view::npos) {
        out += field;
        return;
    }
    out += ascii_lower(trim(field.substr(0, colon)));
    out += ':';
    append_relaxed_value(field.substr(colon + 1), out);
}

CanonicalBody::CanonicalBody(Form form, Sink sink) : form_(form), sink_(std::move(sink)) {
    waiting_.reserve(kPiece);
}

void CanonicalBody::feed(std::string_view octets) {
    for (std::size_t at = 0; at < octets.size();) {
        const char c = octets[at];
        if (std::exchange(has_carriage_return_, false)) {
            if (c == '\n') {
                has_white_space_ = false;
                ++line_ends_;
                ++at;
                continue;
            }
            put("\r");  // one that ends no line
        }
        if (c == '\r') {
            has_carriage_return_ = true;
            ++at;
        } else if (form_ == Form::relaxed && is_white_space(c)) {
            has_white_space_ = true;
            ++at;
        } else {
            const std::size_t end = run_end(octets, at + 1);
            put(octets.substr(at, end - at));
            at = end;
        }
    }
}

/// Behind the octets from `at` on that are the same in the form.
std::size_t CanonicalBody::run_end(std::string_view octets, std::size_t at) const {
    if (form_ == Form::simple) {
        return std::min(octets.find('\r', at), octets.size());
    }
    for (; at < octets.size(); ++at) {
        const char c = octets[at];
        if (c > ' ' || c < '\t') {
            continue;  // most are
        }
        if (c == '\r' || c == '\t') {
            break;
        }
        if (c == ' ') {
            // One space is itself, if it isn't at the end of the line.
            const char next = at + 1 < octets.size() ? octets[at + 1] : ' ';
            if (is_white_space(next) || next == '\r') {
                break;
            }
        }
    }
    return at;
}

void CanonicalBody::put(std::string_view text) {
    put_line_ends();
    if (std::exchange(has_white_space_, false)) {
        waiting_ += ' ';
    }
    has_text_ = true;
    if (waiting_.size() + text.size() > kPiece) {
        flush();
    }
    if (text.size() > kPiece) {
        sink_(text);
    } else {
        waiting_ += text;
    }
}

void CanonicalBody::put_line_ends() {
    for (; line_ends_ > 0; --line_ends_) {
        if (waiting_.size() + 2 > kPiece) {
            flush();
        }
        waiting_ += "\r\n";
        has_text_ = true;
    }
}

void CanonicalBody::flush() {
    if (!waiting_.empty()) {
        sink_(waiting_);
        waiting_.clear();
    }
}

/// RFC 6376 3.4.3, 3.4.4: one line end ends the body; the relaxed form of an empty one is empty.
void CanonicalBody::finish() {
    if (std::exchange(has_carriage_return_, false)) {
        put("\r");
    }
    if (has_text_ || form_ == Form::simple) {
        line_ends_ = 1;
        put_line_ends();
    }
    flush();
}

}  // namespace mxpost::dkim
