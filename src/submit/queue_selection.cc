#include "submit/queue_selection.h"

#include <algorithm>

#include "base/text.h"

namespace mxpost::submit {

void QueueSelection::add(SelectBy by, std::string text, bool is_negated) {
    const bool is_id = by == SelectBy::id || by == SelectBy::whole_id;
    conditions_.push_back({by, is_id ? std::move(text) : ascii_lower(text), is_negated});
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
    const auto contains = [&](const std::string& text) {
        return id.find(text) != std::string_view::npos;
    };
    const auto is_it = [&](const std::string& text) { return id == text; };
    return !is_nothing_ && holds(SelectBy::id, contains) && holds(SelectBy::whole_id, is_it);
}

bool QueueSelection::needs_envelope() const {
    const bool has_condition = std::ranges::any_of(conditions_, [](const Condition& condition) {
        return condition.by != SelectBy::id && condition.by != SelectBy::whole_id;
    });
    return has_condition || before_ || after_ || is_held_;
}

bool QueueSelection::has_address(const mail::Envelope& envelope) const {
    // As they are shown: in angle brackets, so that "<" and ">" anchor a text.
    const auto shown = [](const std::string& address) { return "<" + ascii_lower(address) + ">"; };
    const auto is_any = [&](const auto& is_it) {
        return std::ranges::any_of(envelope.recipients, [&](const mail::Recipient& recipient) {
            return is_it(recipient.address);
        });
    };
    const std::string sender = shown(mail::path_text(envelope.sender));
    const auto is_sender = [&](const std::string& text) {
        return sender.find(text) != std::string::npos;
    };
    const auto is_recipient = [&](const std::string& text) {
        return is_any([&](const mail::Address& address) {
            return shown(address.text()).find(text) != std::string::npos;
        });
    };
    const auto is_domain = [&](const std::string& text) {
        return is_any([&](const mail::Address& address) {
            return ascii_lower(address.domain()) == text;
        });
    };
    return holds(SelectBy::sender, is_sender) && holds(SelectBy::recipient, is_recipient) &&
           holds(SelectBy::domain, is_domain);
}

bool QueueSelection::matches(std::string_view id, const mail::Envelope& envelope, bool is_held)
    const {
    if ((before_ && envelope.arrival >= *before_) || (after_ && envelope.arrival <= *after_) ||
        (is_held_ && !is_held)) {
        return false;
    }
    return may_match(id) && has_address(envelope);
}

}  // namespace mxpost::submit
