// `mxpost config`: every effective setting and where it comes from.
#pragma once

#include "base/exit_status.h"

namespace mxpost::apps {

ExitStatus show_config();

}  // namespace mxpost::apps
