// The engine's process: settings, privilege, and the objects that an Engine needs, put together.
#pragma once

#include <string>
#include <vector>

#include "base/exit_status.h"
#include "base/fd.h"

namespace mxpost::apps {

/// How the engine was started. Without any of these: the system engine.
struct EngineStart {
    bool is_once = false;
    bool listens = false;    // by default, where `listen` isn't set
    Fd ready;                // told when it serves, or why it can't (submit/system_engine.h)
    Fd box;                  // on demand: a box, locked
    Fd message;              // without spool: the message …
    std::string message_id;  // … what its submitter calls it …
    Fd report;               // … and where its journal goes
};

ExitStatus run_engine(EngineStart start);

/// mxpost route: says where mail for each of these goes, or, with `is_test`, answers each as a line
/// of the address test; without any, the lines of standard input.
ExitStatus check_addresses(const std::vector<std::string>& texts, bool is_test);

}  // namespace mxpost::apps
