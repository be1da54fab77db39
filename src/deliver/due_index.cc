#include "deliver/due_index.h"

#include <iterator>

namespace mxpost::deliver {

void DueIndex::saw(const spool::EntryName& name) {
    if (active_.contains(name.id)) {
        seen_again_[name.id] = name.due;
        return;
    }
    if (const auto parked = parked_.find(name.id); parked != parked_.end()) {
        parked->second = name.due;
        return;
    }
    const auto known = due_.find(name.id);
    if (known == due_.end()) {
        if (waiting() + active() >= limits_.messages) {
            has_left_out_ = true;
        } else {
            wait(name, name.due, {});
        }
    } else if (known->second.due != name.due) {
        wait(name, name.due, known->second.weight);
    }
}

void DueIndex::wait(
    const spool::EntryName& name, std::chrono::sys_seconds from, const Weight& weight
) {
    if (const auto known = due_.find(name.id); known != due_.end()) {
        schedule(known->second.is_new).erase({known->second.from, name.id});
    }
    const bool is_new = spool::is_untried(name);
    due_[name.id] = {name.due, from, weight, is_new};
    schedule(is_new).emplace(from, name.id);
}

/// The schedule whose first entry is to be given, or null. Where the clock went back, the last one
/// of a schedule is the furthest off.
DueIndex::Schedule* DueIndex::choose(
    std::chrono::sys_seconds now, const IsImplausible& is_implausible, Choice choice
) {
    const auto is_ready = [&](const Schedule& schedule) {
        return !schedule.empty() &&
               (schedule.begin()->first <= now || is_implausible(std::prev(schedule.end())->first));
    };
    const bool may_be_new = is_ready(new_);
    const bool may_be_tried = choice == Choice::any && is_ready(tried_);
    if (may_be_new && (!may_be_tried || !was_new_)) {
        return &new_;
    }
    return may_be_tried ? &tried_ : nullptr;
}

std::optional<spool::EntryName> DueIndex::take_due(
    std::chrono::sys_seconds now, const IsImplausible& is_implausible, Choice choice
) {
    Schedule* const chosen = choose(now, is_implausible, choice);
    if (chosen == nullptr) {
        return std::nullopt;
    }
    was_new_ = chosen == &new_;
    const auto at = chosen->begin()->first <= now ? chosen->begin() : std::prev(chosen->end());
    const auto waiting = due_.extract(at->second);
    chosen->erase(at);
    spool::EntryName name{waiting.key(), waiting.mapped().due};
    active_.emplace(name.id, waiting.mapped().weight);
    return name;
}

bool DueIndex::admit(const spool::MessageId& id, const Weight& weight) {
    const auto active = active_.find(id);
    if (active == active_.end() || active->second.is_counted()) {
        return true;
    }
    const bool is_alone = octets_ == 0 && recipients_ == 0;
    const auto fits = [](std::uint64_t used, std::uint64_t more, std::uint64_t limit) {
        return used <= limit && more <= limit - used;
    };
    if (!is_alone && (!fits(octets_, weight.octets, limits_.octets) ||
                      !fits(recipients_, weight.recipients, limits_.recipients))) {
        return false;
    }
    active->second = weight;
    octets_ += weight.octets;
    recipients_ += weight.recipients;
    unpark_one();  // there may be room for that, too
    return true;
}

/// The message isn't active any more; its weight still counts.
Weight DueIndex::end_work(const spool::MessageId& id) {
    const auto ended = active_.extract(id);
    return ended ? ended.mapped() : Weight();
}

/// One at a time: when it is admitted, the next one gets its chance.
void DueIndex::unpark_one() {
    if (!parked_.empty()) {
        const auto first = parked_.extract(parked_.begin());
        wait({first.key(), first.mapped()}, first.mapped(), {});
    }
}

void DueIndex::finish(const spool::MessageId& id, const std::optional<spool::EntryName>& next) {
    const auto weight = end_work(id);
    const auto again = seen_again_.extract(id);
    if (next) {
        wait(*next, next->due, weight);
        return;
    }
    if (weight.is_counted()) {
        octets_ -= weight.octets;
        recipients_ -= weight.recipients;
        unpark_one();
    }
    if (again && again.mapped() != std::chrono::sys_seconds{}) {
        // Gone under the name that we knew, seen under another: that other name may still be there.
        saw({id, again.mapped()});
    }
}

void DueIndex::finish_until(const spool::EntryName& name, std::chrono::sys_seconds at) {
    const auto weight = end_work(name.id);
    seen_again_.erase(name.id);
    wait(name, at, weight);
}

void DueIndex::park(const spool::EntryName& name) {
    end_work(name.id);
    seen_again_.erase(name.id);
    parked_[name.id] = name.due;
}

bool DueIndex::hurry(const spool::MessageId& id, std::chrono::sys_seconds now) {
    const auto known = due_.find(id);
    if (known == due_.end()) {
        return parked_.contains(id);
    }
    if (known->second.from > now) {
        wait({id, known->second.due}, now, known->second.weight);
    }
    return true;
}

bool DueIndex::is_known(const spool::MessageId& id) const {
    return due_.contains(id) || active_.contains(id) || parked_.contains(id);
}

bool DueIndex::is_incomplete() const {
    // Not for each one that goes: a scan costs more than that.
    const std::uint64_t known = waiting() + active();
    return has_left_out_ && known <= limits_.messages - limits_.messages / 8 - 1;
}

std::optional<std::chrono::sys_seconds> DueIndex::next_due() const {
    std::optional<std::chrono::sys_seconds> next;
    for (const Schedule* schedule : {&new_, &tried_}) {
        if (!schedule->empty() && (!next || schedule->begin()->first < *next)) {
            next = schedule->begin()->first;
        }
    }
    return next;
}

}  // namespace mxpost::deliver
