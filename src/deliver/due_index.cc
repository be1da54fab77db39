#include "deliver/due_index.h"

#include <iterator>

namespace mxpost::deliver {

void DueIndex::saw(const spool::EntryName& name) {
    if (active_.contains(name.id)) {
        seen_again_[name.id] = name.due;
        return;
    }
    if (const auto known = due_.find(name.id);
        known == due_.end() || known->second.due != name.due) {
        wait(name, name.due);
    }
}

void DueIndex::wait(const spool::EntryName& name, std::chrono::sys_seconds from) {
    if (const auto known = due_.find(name.id); known != due_.end()) {
        schedule_.erase({known->second.from, name.id});
    }
    due_[name.id] = {name.due, from};
    schedule_.emplace(from, name.id);
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
    const auto waiting = due_.extract(at->second);
    schedule_.erase(at);
    spool::EntryName name{waiting.key(), waiting.mapped().due};
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

void DueIndex::finish_until(const spool::EntryName& name, std::chrono::sys_seconds at) {
    active_.erase(name.id);
    seen_again_.erase(name.id);
    wait(name, at);
}

std::optional<std::chrono::sys_seconds> DueIndex::next_due() const {
    if (schedule_.empty()) {
        return std::nullopt;
    }
    return schedule_.begin()->first;
}

}  // namespace mxpost::deliver
