#include "deliver/session_opener.h"

#include <algorithm>
#include <string>
#include <utility>

#include "route/domain_name.h"
#include "route/host_name.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

asio::awaitable<std::optional<mail::RecipientOutcome>> greet(
    Services& services, smtp::Session& session
) {
    const auto local = session.local_address();
    std::string name = "localhost";
    if (local && services.helo_name != nullptr) {
        name = co_await services.helo_name->find(*local);
    } else if (local) {
        name = route::address_literal(*local);
    } else if (services.helo_name != nullptr) {
        name = services.helo_name->find_for_socket();
    }
    co_return co_await session.greet(std::move(name));
}

/// Takes the peers away that were tried; names those that failed.
void take_tried(
    std::vector<smtp::Peer>& peers, const smtp::Session& session, std::vector<std::string>& failed
) {
    const std::size_t given = peers.size();
    std::erase_if(peers, [&](const smtp::Peer& peer) {
        const bool is_failed =
            std::ranges::find(session.failed_connects(), peer, &smtp::FailedConnect::peer) !=
            session.failed_connects().end();
        if (is_failed) {
            failed.push_back(peer.text());
        }
        return is_failed || peer == session.peer();
    });
    if (peers.size() == given) {
        peers.clear();  // whatever was tried, it must come to an end
    }
}

}  // namespace

asio::awaitable<OpenResult> open_session(
    Services& services,
    smtp::Session& session,
    std::vector<smtp::Peer>& peers,
    DialogueLog& dialogue
) {
    OpenResult result;
    dialogue.note("connecting to " + peers.front().text());
    result.trouble = co_await session.connect(peers);
    result.has_route = session.has_route();
    take_tried(peers, session, result.failed);
    if (!result.trouble) {
        result.is_connected = true;
        result.trouble = co_await greet(services, session);
        if (result.trouble) {
            result.failed.push_back(session.peer().text());
        }
    }
    if (result.trouble) {
        result.are_credentials_refused = session.are_credentials_refused();
        session.close();
    }
    co_return result;
}

}  // namespace mxpost::deliver
