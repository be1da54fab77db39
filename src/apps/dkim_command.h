// mxpost dkim: makes keys, and compares what the DNS has with them.
#pragma once

#include "apps/command.h"

namespace mxpost::apps {

/// `arguments`: new or check, and what comes behind it.
ExitStatus manage_keys(Arguments arguments);

}  // namespace mxpost::apps
