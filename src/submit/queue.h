// The queue as its owner uses it: mailq's listing, its counts, what is known of hosts, and the
// flush that makes messages due now.
#pragma once

#include "base/exit_status.h"
#include "submit/engine_starter.h"
#include "submit/outcomes.h"
#include "submit/queue_selection.h"
#include "submit/surroundings.h"

namespace mxpost::submit {

/// Prints what is selected of the caller's messages (of all users' for uid 0) as Sendmail's mailq
/// does; see queue_listing.h. EX_OSERR when a spool can't be read. `starter` for the mail whose
/// submitter took the look at its box's lock for an engine.
ExitStatus print_queue(
    const Surroundings& around,
    const EngineStarter& starter,
    const QueueSelection& selection,
    bool is_verbose,
    const LineSink& out,
    const LineSink& complain
);

/// Prints how many messages lie in each box, without opening any.
ExitStatus count_queue(const Surroundings& around, const LineSink& out, const LineSink& complain);

/// Prints what the messages in the queue tell of other hosts: the last reply of each.
ExitStatus print_hosts(
    const Surroundings& around,
    const EngineStarter& starter,
    const LineSink& out,
    const LineSink& complain
);

/// Makes the selected messages of the caller's due now and sees to it that engines run. For
/// messages that are being sent just now it leaves requests, and says so. `starts_engine`: false
/// where the caller starts one.
ExitStatus flush_queue(
    const Surroundings& around,
    const EngineStarter& starter,
    const QueueSelection& selection,
    bool starts_engine,
    const LineSink& out,
    const LineSink& complain
);

}  // namespace mxpost::submit
