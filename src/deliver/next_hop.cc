#include "deliver/next_hop.h"

#include "deliver/services.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

std::vector<std::vector<smtp::Peer>> groups_of_equal_preference(
    const std::vector<smtp::Peer>& peers
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

asio::awaitable<NextHopResult> MxDestination::find() {
    const route::RouteResult routed = co_await services_.router.route(domain_);
    if (const auto* outcome = std::get_if<mail::RecipientOutcome>(&routed)) {
        co_return *outcome;
    }
    const auto& route = std::get<route::Route>(routed);
    NextHop hop;
    hop.site = route.site;
    hop.session = services_.session;
    for (const route::MxHost& host : route.hosts) {
        for (const asio::ip::address& address : host.addresses) {
            hop.peers.emplace_back(host.name, address).preference = host.preference;
        }
    }
    co_return hop;
}

}  // namespace mxpost::deliver
