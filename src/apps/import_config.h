// `mxpost config --import`: another program's configuration, as an mxpost.conf.
#pragma once

#include <string>
#include <vector>

#include "base/exit_status.h"

namespace mxpost::apps {

/// Prints the mxpost.conf that says what `paths` say; without any, what the first of Debian's
/// places says. `file`, if not empty, is one to be made for the relay's user and password.
ExitStatus import_config(const std::vector<std::string>& paths, const std::string& file);

}  // namespace mxpost::apps
