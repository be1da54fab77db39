// Starting the system engine in the background (-bd, -q15m), so that whoever started it hears when
// it can't: init scripts look at the exit status.
#pragma once

#include <string>
#include <vector>

#include "base/exit_status.h"
#include "submit/engine_starter.h"

namespace mxpost::submit {

struct StartedEngine {
    ExitStatus status = ExitStatus::ok;
    std::string text;  // why not, when the status isn't ok
};

/// What the engine writes to --ready-fd when it serves; before that, a line that says why it ends.
inline constexpr const char* kEngineReady = "ready\n";

/// Waits until the engine serves (its sockets are open), or has ended. `arguments` without
/// --ready-fd, which is added.
StartedEngine start_system_engine(const EngineStarter& starter, std::vector<std::string> arguments);

}  // namespace mxpost::submit
