#include "deliver/due_index.h"

namespace mxpost::deliver {

void DueIndex::saw(const spool::EntryName& name) {
    if (active_.contains(name.id)) {
        seen_again_[name.id] = name.due;
        return;
    }
    if (const auto known = due_.find(name.id); known != due_.end()) {
        if (known->second == name.due) {
            return;
        }
        schedule_.erase({known->second, name.id});
    }
    due_[name.id] = name.due;
    schedule_.emplace(name.due, name.id);
}

std::optional<spool::EntryName> DueIndex::take_due(
    std::chrono::sys_seconds now, const IsImplausible& is_implausible
) {
    if (schedule_.empty()) {
        return std::nullopt;
    }
    auto at = schedule_.begin();
    if (at->first > now) {
        // Not due, unless the clock went back: then the last one is the furthest off.
        at = std::prev(schedule_.end());
        if (!is_implausible(at->first)) {
            return std::nullopt;
        }
    }
    spool::EntryName name{at->second, at->first};
    schedule_.erase(at);
    due_.erase(name.id);
    active_.insert(name.id);
    return name;
}

void DueIndex::finish(const spool::MessageId& id, const std::optional<spool::EntryName>& next) {
    active_.erase(id);
    const auto again = seen_again_.extract(id);
    if (next) {
        saw(*next);
    } else if (again && again.mapped() != std::chrono::sys_seconds{}) {
        // Gone under the name that we knew, seen under another: that other name may still be there.
        saw({id, again.mapped()});
    }
}

std::optional<std::chrono::sys_seconds> DueIndex::next_due() const {
    if (schedule_.empty()) {
        return std::nullopt;
    }
    return schedule_.begin()->first;
}

}  // namespace mxpost::deliver
