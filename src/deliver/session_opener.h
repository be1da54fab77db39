// Opening a session to one host of a site, ready for MAIL.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "deliver/dialogue_log.h"
#include "deliver/services.h"
#include "mail/outcome.h"
#include "smtp/session.h"

namespace mxpost::deliver {

/// A session, and the dialogue that it was given. The dialogue is pointed to the log of a message
/// only while something is said for that message alone (the opening).
struct OpenSession {
    explicit OpenSession(
        const boost::asio::any_io_executor& executor, smtp::SessionSettings settings
    )
        : session(executor, std::move(settings), &dialogue) {}

    DialogueSwitch dialogue;
    smtp::Session session;
};

struct OpenResult {
    bool is_connected = false;  // a host took the connection, whatever it said then
    bool has_route = true;      // false: this host has no way to such addresses
    bool are_credentials_refused = false;
    std::vector<std::string> failed;  // texts of the peers that didn't take or want a connection
    std::optional<mail::RecipientOutcome> trouble;  // nullopt: the session is ready
};

/// Connects `session` to one of `peers`, which are of equal preference, and greets. Takes away
/// those that are done with, at least one. References must outlive it.
boost::asio::awaitable<OpenResult> open_session(
    Services& services,
    smtp::Session& session,
    std::vector<smtp::Peer>& peers,
    DialogueLog& dialogue
);

}  // namespace mxpost::deliver
