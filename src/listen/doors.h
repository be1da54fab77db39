// Doors: the sockets that the listener accepts on. They are opened while the process still has the
// privilege for port 25, or come from systemd, and know nothing of what happens behind them.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "config/networks.h"

namespace mxpost::listen {

struct Door {
    Fd socket;  // listening, non-blocking
    config::ListenAddress address;
};

/// Both loopback addresses, port 25: what -bd means where `listen` isn't set.
std::vector<config::ListenAddress> default_addresses();

/// The sockets that systemd passes (sd_listen_fds(3)): descriptors 3 and on where LISTEN_PID is
/// ours; the variables are removed. An error when one is no listening stream socket.
Result<std::vector<Door>> take_passed_sockets();

/// Opens those of `addresses` that `passed` has no socket for, and returns both. `warn` gets what
/// is missing without being an error: ::1 on a host without IPv6. The error says which address and
/// why.
Result<std::vector<Door>> open_doors(
    const std::vector<config::ListenAddress>& addresses,
    std::vector<Door> passed,
    const std::function<void(std::string_view line)>& warn
);

}  // namespace mxpost::listen
