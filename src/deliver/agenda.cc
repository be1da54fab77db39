#include "deliver/agenda.h"

#include <algorithm>

namespace mxpost::deliver {

void Agenda::add(ServedBox& box) {
    box.number = members_.size();
    members_.push_back(std::make_unique<Member>(*this, box));
    Member& member = *members_.back();
    idle_.push_back(&member);
    member.place = &idle_;
    member.at = std::prev(idle_.end());
    box.index().set_observer(&member);
}

/// To the end of that list.
void Agenda::move(Member& member, List& to) {
    to.splice(to.end(), *member.place, member.at);
    member.place = &to;
}

void Agenda::set_alarm(Member& member, std::optional<std::chrono::sys_seconds> at) {
    if (member.alarm) {
        timed_.erase({*member.alarm, member.box->number});
    }
    if (at) {
        timed_.emplace(*at, member.box->number);
    }
    member.alarm = at;
}

void Agenda::wake(const ServedBox& box) {
    Member& member = *members_[box.number];
    if (member.place != &ready_) {
        set_alarm(member, std::nullopt);
        move(member, ready_);
    }
}

ServedBox* Agenda::next(std::chrono::sys_seconds now) {
    last_now_ = now;
    while (!timed_.empty() && timed_.begin()->first <= now) {
        wake(*members_[timed_.begin()->second]->box);
    }
    if (ready_.empty()) {
        return nullptr;
    }
    Member& member = *ready_.front();
    move(member, ready_);
    return member.box;
}

void Agenda::rest(ServedBox& box) {
    Member& member = *members_[box.number];
    move(member, idle_);
    // Never at once again, whatever the clock did between its look and ours.
    auto due = box.is_served() ? box.index().next_due() : std::nullopt;
    if (due) {
        due = std::max(*due, last_now_ + std::chrono::seconds(1));
    }
    set_alarm(member, due);
}

void Agenda::rest_until_fewer(ServedBox& box, std::size_t most) {
    rest(box);
    members_[box.number]->wakes_below = most;
}

void Agenda::wake_implausible(const DueIndex::IsImplausible& is_implausible) {
    for (const auto& member : members_) {
        if (member->place == &idle_) {
            const auto last = member->box->index().last_due();
            if (last && is_implausible(*last)) {
                wake(*member->box);
            }
        }
    }
}

}  // namespace mxpost::deliver
