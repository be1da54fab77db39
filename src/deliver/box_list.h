// BoxList: the boxes that an engine knows, by path and by owner.
//
// A box is known as long as its name leads to it. One that was renamed, removed or replaced is
// retired: nothing of it is begun any more, and when what was in work has ended its place is free.
// Others keep pointers to boxes, and theirs are left to be found in vain: so places stay.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <sys/types.h>

#include "base/file_system.h"
#include "base/random.h"
#include "deliver/agenda.h"
#include "deliver/served_box.h"
#include "spool/box.h"

namespace mxpost::deliver {

class BoxList {
public:
    /// Of one uid: whoever makes boxes without end doesn't keep us from serving others.
    static constexpr std::size_t kMostOfOne = 4;

    /// `limits`: of each box. The references must outlive it.
    BoxList(FileSystem& files, Random& random, Agenda& agenda, bool is_system, QueueLimits limits)
        : files_(files), random_(random), agenda_(agenda), is_system_(is_system), limits_(limits) {}
    BoxList(const BoxList&) = delete;
    BoxList& operator=(const BoxList&) = delete;

    /// `is_adopted`: then its name doesn't matter. Its number may be that of one that was let go.
    ServedBox& add(spool::Box box, bool is_adopted = false);

    /// Among them those that are retired, and in vacant places nobody's.
    const std::vector<std::unique_ptr<ServedBox>>& all() const { return boxes_; }
    /// Without the vacant places.
    std::size_t count() const { return boxes_.size() - vacant_.size(); }
    /// Null: none has this path, or it is retired.
    ServedBox* at(const std::string& path) const;
    std::vector<ServedBox*> of(uid_t owner) const;
    /// The box of this process's own uid that reports go to; null: none is known.
    ServedBox* own() const { return own_; }
    void set_own(ServedBox& box) { own_ = &box; }

    bool is_retired(const ServedBox& box) const { return states_[box.number].is_retired; }
    /// Its name doesn't lead to it any more: it is to be retired.
    bool is_elsewhere(const ServedBox& box) const;
    /// False: it stays, for now. What is in work there goes on: each message has its own lock.
    bool retire(ServedBox& box);
    /// The places of retired boxes, and their descriptors, when nothing is under way there any
    /// more.
    void let_go();

private:
    struct State {
        bool is_adopted = false;
        bool is_retired = false;
    };

    ServedBox& place(spool::Box box);

    FileSystem& files_;
    Random& random_;
    Agenda& agenda_;
    bool is_system_;
    QueueLimits limits_;
    std::vector<std::unique_ptr<ServedBox>> boxes_;
    std::vector<State> states_;  // by a box's number
    ServedBox* own_ = nullptr;
    std::unordered_map<std::string, ServedBox*> by_path_;  // without those that are retired
    std::unordered_map<uid_t, std::vector<ServedBox*>> by_owner_;
    std::vector<ServedBox*> retired_;  // of by_owner_: something may still be under way in them
    std::vector<ServedBox*> vacant_;   // places for others
};

}  // namespace mxpost::deliver
