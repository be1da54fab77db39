// The local helper's process: settings, socket, and local::Helper put together.
#pragma once

#include <string>
#include <vector>

#include "base/exit_status.h"
#include "base/fd.h"
#include "base/result.h"
#include "config/settings.h"

namespace mxpost::apps {

inline constexpr const char* kHelperSocket = "/run/mxpost-local.sock";

/// This host's own names (design 7), lower case: an MX that is found for one of them would lead
/// back here. `host_name` may be empty; what gethostname(2) says counts too where it has no dot.
std::vector<std::string> local_domains(
    const config::Settings& settings, const std::string& host_name
);

/// `mxpost local`: on the socket that the service manager passes (LISTEN_FDS), else at `socket`.
ExitStatus run_local_helper(const std::string& socket);

/// For an engine that is root and still alone in its process: a helper of its own, which ends with
/// it. The channel that connect_through() wants.
Result<Fd> fork_local_helper(const config::Settings& settings);

}  // namespace mxpost::apps
