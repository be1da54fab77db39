#include "deliver/parking.h"

#include <string>
#include <vector>

#include "base/text.h"
#include "deliver/routes.h"
#include "deliver/sites.h"

namespace mxpost::deliver {

bool Parking::park(ServedBox& box, const spool::Claim& claim) {
    const std::uint32_t lane = busy_lane(claim);
    if (lane == 0) {
        return false;
    }
    box.index().park_for(claim.name(), lane);
    lanes_[lane].boxes.insert(&box);
    return true;
}

/// The lane of a site that has enough to do with what waits for it, where all of this message goes
/// there; 0: it begins.
std::uint32_t Parking::busy_lane(const spool::Claim& claim) const {
    const auto& recipients = claim.envelope().recipients;
    const auto& states = claim.journal().recipients;
    const std::string* domain = nullptr;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
        if (!states[i].is_pending()) {
            continue;
        }
        const std::string& its = recipients[i].address.domain();
        if (domain != nullptr && !ascii_iequals(*domain, its)) {
            return 0;
        }
        domain = &its;
    }
    if (domain == nullptr || claim.envelope().is_followed || services_.relay != nullptr) {
        return 0;
    }
    const std::string* const site = services_.routes.known_site(ascii_lower(*domain));
    return site == nullptr ? 0 : services_.sites.saturated(*site);
}

void Parking::unpark(std::uint32_t lane, std::size_t count) {
    const auto found = lanes_.find(lane);
    if (found == lanes_.end()) {
        return;
    }
    std::set<ServedBox*>& boxes = found->second.boxes;
    while (count > 0 && !boxes.empty()) {
        const auto first = boxes.lower_bound(found->second.next);
        std::vector<ServedBox*> in_turn(first, boxes.end());
        in_turn.insert(in_turn.end(), boxes.begin(), first);
        // Those before this one get one more, or, of more boxes than there is room for, all.
        found->second.next = in_turn[count % in_turn.size()];
        for (std::size_t i = 0; i < in_turn.size(); ++i) {
            const std::size_t others = in_turn.size() - i - 1;
            const std::size_t part = (count + others) / (others + 1);  // rounded up
            count -= in_turn[i]->index().unpark(lane, part);
            if (in_turn[i]->index().parked_in(lane) == 0) {
                boxes.erase(in_turn[i]);
            }
        }
    }
    if (boxes.empty()) {
        lanes_.erase(found);
    }
}

void Parking::unpark_forgotten(std::size_t count) {
    std::vector<std::uint32_t> lanes;
    for (const auto& [number, lane] : lanes_) {
        if (!services_.sites.is_saturated(number)) {
            lanes.push_back(number);
        }
    }
    for (const std::uint32_t lane : lanes) {
        unpark(lane, count);
    }
}

}  // namespace mxpost::deliver
