// Parking: messages for a site that has enough to do wait in their box's index, closed, until there
// is room in the site's queue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>

#include "deliver/served_box.h"
#include "deliver/services.h"

namespace mxpost::deliver {

class Parking {
public:
    /// References must outlive it, and so must the boxes.
    explicit Parking(Services& services) : services_(services) {}

    /// True: the message was parked. False: it is to begin now, since its site takes more, or it
    /// goes to several, or to one that nobody knows yet.
    bool park(ServedBox& box, const spool::Claim& claim);
    /// There is room for `count` messages of this lane. Each box gets the same part of it, as far
    /// as it has so many: nobody's flood keeps others' mail parked.
    void unpark(std::uint32_t lane, std::size_t count);
    /// Should a site have forgotten that some are parked: `count` of each such site's are let in.
    void unpark_forgotten(std::size_t count);

private:
    struct Lane {
        std::set<ServedBox*> boxes;  // where its messages are
        ServedBox* next = nullptr;   // the first to get room, it or the one behind it
    };

    std::uint32_t busy_lane(const spool::Claim& claim) const;

    Services& services_;
    std::map<std::uint32_t, Lane> lanes_;
};

}  // namespace mxpost::deliver
