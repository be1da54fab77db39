// The queue as its owner sees it: mailq's listing, and the flush that makes everything due now.
#pragma once

#include <string>

#include "base/exit_status.h"
#include "submit/engine_starter.h"
#include "submit/outcomes.h"
#include "submit/submission.h"

namespace mxpost::submit {

/// Prints every message of the caller's (of all users for uid 0), spool by spool: id, size, time of
/// arrival, sender, then each recipient that still waits, with its last reply. "Mail queue is
/// empty" when there is none, and a line where no engine serves it. EX_OSERR when a spool can't be
/// read. `starter` for the mail whose submitter took the look at its box's lock for an engine.
ExitStatus print_queue(
    const Surroundings& around,
    const EngineStarter& starter,
    const LineSink& out,
    const LineSink& complain
);

/// Makes every message of the caller's due now and sees to it that engines run. For messages that
/// are being sent just now it leaves requests, and says so.
ExitStatus flush_queue(
    const Surroundings& around,
    const EngineStarter& starter,
    const LineSink& out,
    const LineSink& complain
);

}  // namespace mxpost::submit
