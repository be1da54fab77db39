#include "deliver/next_hop.h"

#include "deliver/routes.h"
#include "deliver/services.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

std::vector<std::vector<smtp::Peer>> groups_of_equal_preference(const std::vector<smtp::Peer>& peers
) {
    std::vector<std::vector<smtp::Peer>> groups;
    for (const smtp::Peer& peer : peers) {
        if (groups.empty() || groups.back().back().preference != peer.preference) {
            groups.emplace_back();
        }
        groups.back().push_back(peer);
    }
    return groups;
}

/// RFC 8689 4.2.1: the names of the servers must be beyond doubt, and so must be who has them.
std::optional<mail::RecipientOutcome> require_tls(NextHop& hop) {
    if (!hop.is_authentic) {
        return mail::RecipientOutcome(
            mail::OutcomeKind::failed,
            {5, 7, 30},
            "the sender asked for REQUIRETLS, but neither DNSSEC nor MTA-STS says that the mail "
            "servers are the right ones"
        );
    }
    hop.site += " requiretls";
    for (smtp::Peer& peer : hop.peers) {
        const tls::TlsUse use = peer.demand ? peer.demand->use : hop.session.tls;
        if (use != tls::TlsUse::verify && use != tls::TlsUse::dane) {
            auto demand = std::make_shared<tls::Demand>(tls::TlsUse::verify);
            demand->source = "REQUIRETLS";
            peer.demand = std::move(demand);
        }
    }
    return std::nullopt;
}

asio::awaitable<NextHopResult> MxDestination::find() {
    return services_.routes.find(domain_, is_urgent_, wish_);
}

}  // namespace mxpost::deliver
