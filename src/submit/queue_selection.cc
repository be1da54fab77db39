#include "submit/queue_selection.h"

#include <algorithm>

namespace mxpost::submit {
namespace {

/// Why a message is still there for a recipient, the better reason above.
enum class Reason : std::uint8_t { none, report, delivery };

Reason reason_of(const spool::RecipientState& state) {
    if (state.is_pending()) {
        return Reason::delivery;
    }
    return state.is_delivered() || state.is_failure_reported ? Reason::none : Reason::report;
}

/// The addresses of those with the best reason.
std::vector<const mail::Address*> concerned(
    const mail::Envelope& envelope, const spool::JournalState& journal
) {
    Reason best = Reason::none;
    for (const spool::RecipientState& state : journal.recipients) {
        best = std::max(best, reason_of(state));
    }
    std::vector<const mail::Address*> addresses;
    for (std::size_t i = 0; i < envelope.recipients.size(); ++i) {
        if (reason_of(journal.recipients.at(i)) == best) {
            addresses.push_back(&envelope.recipients[i].address);
        }
    }
    return addresses;
}

}  // namespace

void QueueSelection::add(SelectBy by, std::string text, bool is_negated) {
    if (by == SelectBy::domain) {
        text = domain_form_(text);
    } else if (by != SelectBy::id && by != SelectBy::whole_id) {
        text = ascii_lower(text);
    }
    conditions_.push_back({by, std::move(text), is_negated});
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

bool QueueSelection::has_address(const mail::Envelope& envelope, const spool::JournalState& journal)
    const {
    // As they are shown: in angle brackets, so that "<" and ">" anchor a text.
    const auto shown = [](const std::string& address) { return "<" + ascii_lower(address) + ">"; };
    const auto addresses = concerned(envelope, journal);
    const std::string sender = shown(mail::path_text(envelope.sender));
    const auto is_sender = [&](const std::string& text) {
        return sender.find(text) != std::string::npos;
    };
    const auto is_recipient = [&](const std::string& text) {
        return std::ranges::any_of(addresses, [&](const mail::Address* address) {
            return shown(address->text()).find(text) != std::string::npos;
        });
    };
    const auto is_domain = [&](const std::string& text) {
        return std::ranges::any_of(addresses, [&](const mail::Address* address) {
            return domain_form_(address->domain()) == text;
        });
    };
    return holds(SelectBy::sender, is_sender) && holds(SelectBy::recipient, is_recipient) &&
           holds(SelectBy::domain, is_domain);
}

bool QueueSelection::matches(
    std::string_view id, const mail::Envelope& envelope, const spool::JournalState& journal
) const {
    if ((before_ && envelope.arrival >= *before_) || (after_ && envelope.arrival <= *after_) ||
        (is_held_ && !journal.is_held())) {
        return false;
    }
    return may_match(id) && has_address(envelope, journal);
}

}  // namespace mxpost::submit
