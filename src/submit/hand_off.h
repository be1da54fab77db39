// Hand-off: what happens to a message that is safe. An engine is started for its box if it has
// none, and where the caller waits, the message's journal is followed.
#pragma once

#include <chrono>

#include "base/exit_status.h"
#include "submit/engine_starter.h"
#include "submit/outcomes.h"
#include "submit/submission.h"

namespace mxpost::submit {

/// True when an engine serves the box now: one that had it already, or one that this started. A
/// failure is logged; the message is safe all the same.
bool hand_off(FileSystem& files, Log& log, const EngineStarter& starter, spool::Box box);

/// Follows the journal of the committed message until each recipient has an outcome, or `timeout`
/// is over, or the engine says that the message must wait.
void follow(
    FileSystem& files,
    const Clock& clock,
    const spool::Committed& message,
    std::chrono::seconds timeout,
    Outcomes& outcomes
);

/// Gives the message in memory to an engine of its own and waits for its end. An error: there was
/// no engine.
Result<void> send_from_memory(
    const EngineStarter& starter, const Fd& message, const spool::MessageId& id, Outcomes& outcomes
);

}  // namespace mxpost::submit
