#include "mail/outcome.h"

#include <charconv>

namespace mxpost::mail {

std::string EnhancedStatus::text() const {
    return std::to_string(klass) + "." + std::to_string(subject) + "." + std::to_string(detail);
}

EnhancedStatus EnhancedStatus::parse_prefix(std::string_view text) {
    EnhancedStatus status;
    if (text.size() < 5 || (text[0] != '2' && text[0] != '4' && text[0] != '5') || text[1] != '.') {
        return {};
    }
    const char* const end = text.data() + text.size();
    const auto subject = std::from_chars(text.data() + 2, end, status.subject);
    if (subject.ec != std::errc() || subject.ptr == end || *subject.ptr != '.' ||
        status.subject > 999) {
        return {};
    }
    const auto detail = std::from_chars(subject.ptr + 1, end, status.detail);
    const bool is_ended = detail.ptr == end || *detail.ptr == ' ' || *detail.ptr == '\t';
    if (detail.ec != std::errc() || status.detail > 999 || !is_ended) {
        return {};
    }
    status.klass = static_cast<std::uint8_t>(text[0] - '0');
    return status;
}

std::string reply_text(const RecipientOutcome& outcome) {
    return outcome.reply_code == 0 ? outcome.text
                                   : std::to_string(outcome.reply_code) + " " + outcome.text;
}

}  // namespace mxpost::mail
