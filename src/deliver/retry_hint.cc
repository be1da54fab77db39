#include "deliver/retry_hint.h"

#include "diagnose/stated_delay.h"

namespace mxpost::deliver {

schedule::RetryHint retry_hint(
    const diagnose::RuleBook& rules, const mail::RecipientOutcome& last
) {
    const diagnose::Ruling ruling = rules.rule(last);
    schedule::RetryHint hint;
    hint.is_greylisting = ruling.is_greylisting;
    if (ruling.is_greylisting || ruling.is_as_stated) {
        hint.stated = diagnose::stated_delay(last.text);
    }
    hint.least = ruling.least_delay();
    hint.give_up_after = ruling.give_up;
    return hint;
}

schedule::PendingRecipient pending_recipient(
    const diagnose::RuleBook& rules, const spool::RecipientState& state
) {
    if (!state.last) {
        return {};
    }
    return {state.attempts, state.last_time, retry_hint(rules, *state.last)};
}

}  // namespace mxpost::deliver
