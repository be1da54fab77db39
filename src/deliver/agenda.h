// Agenda: which of many boxes may have a message that is due, so that neither a message nor a
// second costs a look at each of thousands.
//
//     idle (until its next due time, or news) → fresh → stale (no new mail is due) → idle
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "deliver/due_index.h"
#include "deliver/served_box.h"

namespace mxpost::deliver {

class Agenda {
public:
    Agenda() = default;
    Agenda(const Agenda&) = delete;
    Agenda& operator=(const Agenda&) = delete;

    /// Sets `box.number`. The box must stay where it is as long as this lives.
    void add(ServedBox& box);
    /// The next box, in turn, that may have a message that is due; null when none has. Whoever
    /// finds that it hasn't says so with `rest`.
    ServedBox* next(std::chrono::sys_seconds now);
    void rest(ServedBox& box);
    /// The box has too many in work: it rests until it has fewer than `most`.
    void rest_until_fewer(ServedBox& box, std::size_t most);
    /// The box may have something, whatever was said of it.
    void wake(const ServedBox& box);
    /// The same for each box with a due time too far off: the clock has jumped.
    void wake_implausible(const DueIndex::IsImplausible& is_implausible);
    /// Messages in work, of all boxes.
    std::size_t active() const { return active_; }

private:
    struct Member final : DueIndex::Observer {
        Member(Agenda& agenda_, ServedBox& box_) : agenda(&agenda_), box(&box_) {}
        void has_news() override { agenda->wake(*box); }
        void active_changed(int by) override {
            agenda->active_ += static_cast<std::size_t>(static_cast<std::ptrdiff_t>(by));
            if (by < 0 && box->index().active() < wakes_below) {
                wakes_below = 0;
                agenda->wake(*box);
            }
        }

        Agenda* agenda;
        ServedBox* box;
        std::size_t wakes_below = 0;                    // so many in work
        std::list<Member*>* place = nullptr;            // in which list it is, and where
        std::list<Member*>::iterator at;                //
        std::optional<std::chrono::sys_seconds> alarm;  // its entry of timed_
    };
    using List = std::list<Member*>;

    void move(Member& member, List& to);
    void set_alarm(Member& member, std::optional<std::chrono::sys_seconds> at);

    std::vector<std::unique_ptr<Member>> members_;
    List idle_;
    List ready_;
    std::set<std::pair<std::chrono::sys_seconds, std::size_t>> timed_;  // idle ones, by number
    std::chrono::sys_seconds last_now_{};
    std::size_t active_ = 0;
};

}  // namespace mxpost::deliver
