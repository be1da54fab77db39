#include "deliver/parking.h"

#include <algorithm>
#include <string>
#include <utility>
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
    boxes_[lane].insert(&box);
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
    const auto boxes = boxes_.extract(lane);
    if (!boxes) {
        return;
    }
    std::set<ServedBox*> left;
    for (ServedBox* box : boxes.mapped()) {
        count -= std::min(count, box->index().unpark(lane, count));
        if (box->index().parked_in(lane) > 0) {
            left.insert(box);
        }
    }
    if (!left.empty()) {
        boxes_.emplace(lane, std::move(left));
    }
}

void Parking::unpark_forgotten(std::size_t count) {
    std::vector<std::uint32_t> lanes;
    for (const auto& [lane, boxes] : boxes_) {
        if (!services_.sites.is_saturated(lane)) {
            lanes.push_back(lane);
        }
    }
    for (const std::uint32_t lane : lanes) {
        unpark(lane, count);
    }
}

}  // namespace mxpost::deliver
