// The log line of one recipient's outcome, in the form that Postfix made familiar.
#pragma once

#include <chrono>
#include <string>

#include "mail/address.h"
#include "mail/outcome.h"

namespace mxpost::deliver {

/// "ID: to=<a@b>, host=mx.b[192.0.2.1]:25, tls=TLSv1.3 …, delay=0.42, dsn=2.0.0, status=sent (250
/// …)"; with "orig_to=<root@host>" behind "to" where the mail was for somebody else.
std::string outcome_line(
    const std::string& id,
    const mail::Address& recipient,
    const mail::Address& original,
    const mail::RecipientOutcome& outcome,
    std::chrono::microseconds delay
);

/// "sent", "deferred" or "bounced".
const char* status_word(mail::OutcomeKind kind);

}  // namespace mxpost::deliver
