#include "submit/queue_selection.h"

#include <algorithm>

#include "base/text.h"

namespace mxpost::submit {

void QueueSelection::add(SelectBy by, std::string text, bool is_negated) {
    conditions_.push_back({by, by == SelectBy::id ? std::move(text) : ascii_lower(text), is_negated}
    );
}

template <class Contains>
bool QueueSelection::holds(SelectBy by, const Contains& contains) const {
    bool is_asked = false;
    bool is_found = false;
    for (const Condition& condition : conditions_) {
        if (condition.by != by) {
            continue;
        }
        const bool is_contained = contains(condition.text);
        if (condition.is_negated && is_contained) {
            return false;
        }
        is_asked |= !condition.is_negated;
        is_found |= !condition.is_negated && is_contained;
    }
    return is_found || !is_asked;
}

bool QueueSelection::may_match(std::string_view id) const {
    return !is_nothing_ && holds(SelectBy::id, [&](const std::string& text) {
        return id.find(text) != std::string_view::npos;
    });
}

bool QueueSelection::needs_envelope() const {
    return std::ranges::any_of(conditions_, [](const Condition& condition) {
        return condition.by != SelectBy::id;
    });
}

bool QueueSelection::matches(std::string_view id, const mail::Envelope& envelope) const {
    // As they are shown: in angle brackets, so that "<" and ">" anchor a text.
    const auto shown = [](const std::string& address) { return "<" + ascii_lower(address) + ">"; };
    const std::string sender = shown(mail::path_text(envelope.sender));
    const auto is_sender = [&](const std::string& text) {
        return sender.find(text) != std::string::npos;
    };
    const auto is_recipient = [&](const std::string& text) {
        return std::ranges::any_of(envelope.recipients, [&](const mail::Recipient& recipient) {
            return shown(recipient.address.text()).find(text) != std::string::npos;
        });
    };
    return may_match(id) && holds(SelectBy::sender, is_sender) &&
           holds(SelectBy::recipient, is_recipient);
}

}  // namespace mxpost::submit
