// From what a server said to when its recipient is tried again: diagnose knows the words, schedule
// the times.
#pragma once

#include "diagnose/reply_rules.h"
#include "mail/outcome.h"
#include "schedule/retry.h"
#include "spool/journal.h"

namespace mxpost::deliver {

/// `last`: as recorded; its step isn't needed.
schedule::RetryHint retry_hint(const diagnose::RuleBook& rules, const mail::RecipientOutcome& last);

/// A recipient that waits, with what its last attempt's reply asks for.
schedule::PendingRecipient pending_recipient(
    const diagnose::RuleBook& rules, const spool::RecipientState& state
);

}  // namespace mxpost::deliver
