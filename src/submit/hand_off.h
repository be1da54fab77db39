// Hand-off: what happens to a message that is safe. An engine is started for its box if it has
// none, and where the caller waits, the message's journal is followed.
#pragma once

#include <chrono>

#include <sys/types.h>

#include "base/exit_status.h"
#include "submit/engine_starter.h"
#include "submit/outcomes.h"
#include "submit/submission.h"

namespace mxpost::submit {

struct HandedOff {
    bool is_served =
        false;          // by an engine that had the box already, or by the one that was started
    pid_t started = 0;  // it; 0: none was

    explicit operator bool() const { return is_served; }
};

/// A failure is logged; the message is safe all the same.
HandedOff hand_off(FileSystem& files, Log& log, const EngineStarter& starter, spool::Box box);

/// Follows the journal of the committed message until each recipient has an outcome, or `timeout`
/// is over, or the engine says that the message must wait, or `started` has failed: then that is
/// the outcomes' note.
void follow(
    FileSystem& files,
    const Clock& clock,
    const spool::Committed& message,
    pid_t started,
    std::chrono::seconds timeout,
    Outcomes& outcomes
);

/// Gives the message in memory to an engine of its own and waits for its end. An error: there was
/// no engine. The signals of `interruption` go to the engine meanwhile, and wait afterwards.
Result<void> send_from_memory(
    const EngineStarter& starter, const Fd& message, const spool::MessageId& id, Outcomes& outcomes
);

}  // namespace mxpost::submit
