// `sendmail -bs`: SMTP on standard input and output, for programs that would rather speak it than
// write a message to a pipe (Symfony Mailer, nmh, scripts).
#pragma once

#include "base/exit_status.h"
#include "submit/engine_starter.h"
#include "submit/invocation.h"
#include "submit/surroundings.h"

namespace mxpost::submit {

/// Serves the session on `input` and `output` to its end. Each message is committed to the
/// caller's box, and handed to an engine, before its 250; where there is no spool it is delivered
/// before its reply. EX_DATAERR when the input ended within a message, else 0: what became of each
/// message its reply says.
ExitStatus run_smtp_dialogue(
    const Surroundings& around,
    const Invocation& invocation,
    const EngineStarter& starter,
    int input,
    int output
);

}  // namespace mxpost::submit
