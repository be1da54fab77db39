// One request, served: what a child of the helper does with its connection. Until it has become the
// recipient it is root, and looks at nothing but the request's fixed layout and the user database.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include <sys/types.h>

#include "base/fd.h"
#include "base/log.h"
#include "local/recipient_delivery.h"

namespace mxpost::local {

struct ServiceOptions {
    DeliveryOptions delivery;
    uid_t min_uid = 1000;    // of users who have a mailbox
    std::string alias_user;  // whose rights pipes and files of the alias files get
    /// Whose earlier deliveries hang although they were killed: what comes now would hang as well.
    std::set<uid_t> stuck_users;
};

/// The user whose rights `request` needs; or the outcome that says why it isn't served.
struct Decision {
    std::optional<Account> account;
    Answer refusal;
};
Decision decide(const Request& request, const ServiceOptions& options);

/// Changes the process's user for good; `on_user` hears before that whom it becomes. What can't be
/// answered is in the log.
void serve_connection(
    const Fd& connection,
    const ServiceOptions& options,
    Log& log,
    const std::function<void(uid_t)>& on_user
);

}  // namespace mxpost::local
