#include "diagnose/text_pattern.h"

#include "base/text.h"
#include "mail/outcome.h"

namespace mxpost::diagnose {
namespace {

bool is_blank(char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
}

}  // namespace

TextPattern::TextPattern(std::string_view pattern) {
    const std::string text = search_form(pattern);
    for (const std::string_view part : split(text, '*')) {
        if (const std::string_view words = trim(part); !words.empty()) {
            parts_.emplace_back(words);
        }
    }
}

bool TextPattern::is_in(std::string_view text) const {
    std::size_t at = 0;
    for (const std::string& part : parts_) {
        at = text.find(part, at);
        if (at == std::string_view::npos) {
            return false;
        }
        at += part.size();
    }
    return true;
}

std::string search_form(std::string_view text) {
    std::string form;
    for (const char c : ascii_lower(text.substr(0, mail::kMaxOutcomeText))) {
        if (!is_blank(c)) {
            form += c;
        } else if (!form.empty() && form.back() != ' ') {
            form += ' ';
        }
    }
    return form;
}

}  // namespace mxpost::diagnose
