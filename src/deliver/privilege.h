// What an engine does with the privilege that it was started with: it gives it up. The only place
// where mxpost changes its user.
#pragma once

#include <string>

#include "base/result.h"

namespace mxpost::deliver {

/// When the process is root it becomes `user` for good (user, group, supplementary groups), before
/// any socket is opened. Any other process stays who it is, and so does root where it has none of
/// the capabilities for that (a container): then it gives up those that it has. An error means that
/// it is still root and must end.
Result<void> drop_root(const std::string& user);

/// Room for kMaxActive messages and their sessions: the soft limit of open files becomes the hard
/// one.
void raise_descriptor_limit();

}  // namespace mxpost::deliver
