// `mxpost doctor`: says why mail won't arrive, and what mends it.
#pragma once

#include "apps/command.h"
#include "base/exit_status.h"

namespace mxpost::apps {

/// 0: all is well, 1: warnings, 2: problems; else as sysexits.h says, where nothing was checked.
/// Throws as parse_arguments() does.
ExitStatus examine(const Arguments& arguments);

}  // namespace mxpost::apps
