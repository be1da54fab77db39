// Delivers into a Maildir: written in tmp/, synced, moved to new/, and that synced.
#pragma once

#include <string>

#include "local/mbox.h"

namespace mxpost::local {

/// `path` is absolute, without the final slash; it and tmp, new and cur are made (0700) if they are
/// missing, its parent isn't. Delivered, or deferred as append_to_mbox does it.
mail::RecipientOutcome deliver_to_maildir(
    const MailboxTools& tools,
    const std::string& path,
    const MessageReader& message,
    const std::string& host_name
);

}  // namespace mxpost::local
