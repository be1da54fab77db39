#include "deliver/box_list.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace mxpost::deliver {

ServedBox& BoxList::add(spool::Box box, bool is_adopted) {
    ServedBox& added = place(std::move(box));
    states_[added.number] = State{is_adopted, false};
    const uid_t owner = added.store().owner();
    by_path_[added.store().label()] = &added;
    by_owner_[owner].push_back(&added);
    if (own_ == nullptr && owner == ::geteuid()) {
        own_ = &added;
    }
    return added;
}

ServedBox& BoxList::place(spool::Box box) {
    // Everybody's reports and forwarded mail are in the system engine's own: no single user's limit
    // may keep them waiting.
    const bool is_everybodys = is_system_ && box.owner() == ::geteuid();
    const QueueLimits limits = is_everybodys ? QueueLimits() : limits_;
    ServedBox served(files_, std::move(box), is_system_, limits, random_.bits());
    if (!vacant_.empty()) {
        ServedBox& old = *vacant_.back();
        vacant_.pop_back();
        old.become(std::move(served));
        return old;
    }
    boxes_.push_back(std::make_unique<ServedBox>(std::move(served)));
    states_.emplace_back();
    agenda_.add(*boxes_.back());
    return *boxes_.back();
}

ServedBox* BoxList::at(const std::string& path) const {
    const auto known = by_path_.find(path);
    return known == by_path_.end() ? nullptr : known->second;
}

std::vector<ServedBox*> BoxList::of(uid_t owner) const {
    const auto known = by_owner_.find(owner);
    return known == by_owner_.end() ? std::vector<ServedBox*>() : known->second;
}

bool BoxList::is_elsewhere(const ServedBox& box) const {
    const State& state = states_[box.number];
    if (state.is_retired || state.is_adopted) {
        return false;
    }
    const spool::Box& directory = box.store().box();
    const auto status = files_.stat(AT_FDCWD, directory.path());
    if (!status) {
        return status.error().is(ENOENT) || status.error().is(ENOTDIR);  // else it can't be told
    }
    return !directory.is(*status);
}

bool BoxList::retire(ServedBox& box) {
    if (&box == own_) {
        if (box.index().active() > 0) {
            return false;  // whoever puts messages there must find the same box until they are safe
        }
        own_ = nullptr;
    }
    states_[box.number].is_retired = true;
    by_path_.erase(box.store().label());
    if (box.store().owner() == ::geteuid()) {
        // Claims of reports that are in work refer to it: it stays.
        std::erase(by_owner_[::geteuid()], &box);
    } else {
        retired_.push_back(&box);
    }
    return true;
}

void BoxList::let_go() {
    std::erase_if(retired_, [this](ServedBox* box) {
        if (!box->is_idle()) {
            return false;
        }
        const auto of_owner = by_owner_.find(box->store().owner());
        std::erase(of_owner->second, box);
        if (of_owner->second.empty()) {
            by_owner_.erase(of_owner);
        }
        box->become(ServedBox(files_, spool::Box(), is_system_));
        vacant_.push_back(box);
        return true;
    });
}

}  // namespace mxpost::deliver
