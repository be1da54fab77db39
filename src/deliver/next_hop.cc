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

asio::awaitable<NextHopResult> MxDestination::find() {
    return services_.routes.find(domain_, is_urgent_);
}

}  // namespace mxpost::deliver
