// A session with the relay, as the settings want it.
#pragma once

#include <optional>

#include "base/random.h"
#include "config/host_port.h"
#include "config/settings.h"
#include "deliver/credentials_file.h"
#include "smtp/session.h"

namespace mxpost::deliver {

/// Makes `session`, which is as for everybody's servers, one with the relay, without credentials.
void adapt_to_relay(
    const config::Settings& settings, const config::HostPort& server, smtp::SessionSettings& session
);
/// Adds the credentials, where some are set: or they can't be read. `random` must outlive the
/// sessions.
std::optional<CredentialsProblem> add_relay_credentials(
    const config::Settings& settings,
    const TrustedUser& trusted,
    Random& random,
    smtp::SessionSettings& session
);

}  // namespace mxpost::deliver
