// Submission: a message on a descriptor → a committed file in the caller's box.
//
// What argv says becomes an IntakeRequest, and the descriptor is read to its end into the Intake.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "submit/intake.h"
#include "submit/invocation.h"
#include "submit/surroundings.h"

namespace mxpost::submit {

struct SubmissionResult {
    std::optional<Accepted> accepted;
    ExitStatus status = ExitStatus::ok;  // why not, when there is no `accepted`
    std::string text;                    // one line for stderr, the same
    std::vector<mail::BadAddress> bad;   // recipients that nothing was queued for
};

/// Reads the message from `input` and commits it. `waits`: the caller follows the message's journal
/// (Envelope::is_followed). When it returns without `accepted`, nothing is left in any spool, and
/// the input was read to its end.
SubmissionResult submit_message(
    const Surroundings& surroundings, const Invocation& invocation, bool waits, int input
);

/// The address of the process's user, completed as far as this host's name is known.
mail::Address own_address(const Surroundings& around);
/// The name for a missing From field of this sender's: -F, NAME, or, for the own address, GECOS.
std::string full_name_of(
    const Surroundings& around, const Invocation& invocation, const mail::ReversePath& sender
);

}  // namespace mxpost::submit
