// The front end: `sendmail`, `mailq` and their other names, from the start to the exit code.
#pragma once

#include <span>
#include <string>

#include "base/exit_status.h"

namespace mxpost::submit {

/// `arguments` with argv[0]; `environment` as main() gets it; `engine` is the path of `mxpost`.
/// Reads the message from descriptor 0, prints to 1 and 2.
ExitStatus run_front_end(
    std::span<const std::string> arguments,
    const char* const* environment,
    const std::string& engine,
    const std::string& version
);

}  // namespace mxpost::submit
