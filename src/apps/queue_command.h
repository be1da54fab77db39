// `mxpost queue …` and `mxpost trace`: the queue for people and programs.
#pragma once

#include "apps/command.h"

namespace mxpost::apps {

/// `arguments` begin with the command: list, show, retry, hold, release, delete, bounce, stats,
/// watch. Throws as parse_arguments() does.
ExitStatus manage_queue(Arguments arguments);

/// `mxpost trace ID...`
ExitStatus trace_messages(const Arguments& arguments);

}  // namespace mxpost::apps
