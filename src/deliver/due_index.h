// DueIndex: which messages of a store wait, and which of them is given next. In memory only: the
// names on disk are the truth, this is what was seen of them.
//
// New mail goes first: of those that are due, a message that was never tried and one that was tried
// before are given in turn, so that a backlog delays new mail by one message at most and new mail
// doesn't starve the backlog. Of the new ones the oldest and the newest are given in turn: behind a
// hundred thousand for a site that is down, one for another site needn't wait until they have all
// been looked at.
//
// It also keeps to the limits of one user's queue, which submission checks as well, but files in a
// box are their owner's to write: what goes beyond the number of messages is left out until others
// are gone; what goes beyond the sizes, which are known only when a message was read, is parked.
//
// A message costs about 55 octets here (entry_table.h, due_heap.h).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <unordered_map>
#include <vector>

#include "deliver/due_heap.h"
#include "deliver/entry_table.h"
#include "spool/entry_name.h"

namespace mxpost::deliver {

/// What a message counts against the limits. All zero: not counted yet.
struct Weight {
    bool is_counted() const { return octets != 0 || recipients != 0; }

    std::uint64_t octets = 0;
    std::uint32_t recipients = 0;
};

/// Of all messages of one store together.
struct QueueLimits {
    std::uint64_t messages = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t octets = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t recipients = std::numeric_limits<std::uint64_t>::max();
};

class DueIndex {
public:
    /// Is told what may matter to whoever has many of these.
    class Observer {
    public:
        virtual ~Observer() = default;
        /// A schedule begins earlier than before.
        virtual void has_news() = 0;
        virtual void active_changed(int by) = 0;
    };

    /// `seed`: see EntryTable.
    explicit DueIndex(QueueLimits limits = {}, std::uint64_t seed = 0)
        : limits_(limits), table_(seed) {}
    /// It must outlive this.
    void set_observer(Observer* observer) { observer_ = observer; }
    Observer* observer() const { return observer_; }

    /// A name that was seen. A message that waits already gets the new due time; one that is being
    /// worked on is looked at again when that ends (see `finish`).
    void saw(const spool::EntryName& name);
    /// It waits under another name: one of the two is old.
    bool is_known_otherwise(const spool::EntryName& name) const;

    using IsImplausible = std::function<bool(std::chrono::sys_seconds due)>;
    /// A message that is due at `now`, by the rules above and else the one that is due longest; it
    /// counts as active from then on. A due time that `is_implausible` was written by a clock that
    /// has jumped, and counts as due.
    std::optional<spool::EntryName> take_due(
        std::chrono::sys_seconds now, const IsImplausible& is_implausible
    );

    /// A message that this process is making counts as active before it has a name.
    void reserve(const spool::MessageId& id);

    /// Counts an active message, once and for as long as it is in the queue. False: that would be
    /// more than the limits allow, `park` it. A message alone is always admitted.
    bool admit(const spool::MessageId& id, const Weight& weight);

    /// The work on an active message ended: it waits again (under this name), or is gone (nullopt).
    void finish(const spool::MessageId& id, const std::optional<spool::EntryName>& next);
    /// The same for one that could not be worked on or renamed: it waits under this name, the one
    /// on disk, but is given at `at`, whatever the name says, unless it is seen under another one.
    void finish_until(const spool::EntryName& name, std::chrono::sys_seconds at);
    /// The same for one that wasn't admitted: it isn't given before others are gone.
    void park(const spool::EntryName& name);
    /// The same for one whose site is busy: it waits in that lane, outside of the schedule.
    void park_for(const spool::EntryName& name, std::uint32_t lane);
    /// Up to `most` of that lane's, those that are in it longest, are due now, before all others.
    /// Returns how many.
    std::size_t unpark(std::uint32_t lane, std::size_t most);
    std::size_t parked_in(std::uint32_t lane) const;

    /// A waiting message is due now, under the name that it has, also one in a lane. False when it
    /// doesn't wait: it is active, or not known.
    bool hurry(const spool::MessageId& id, std::chrono::sys_seconds now);

    /// How many of those that wait are due. Looks at each of them.
    std::size_t count_due(std::chrono::sys_seconds now) const;
    /// When the next one is due; nothing when none waits (but in a lane).
    std::optional<std::chrono::sys_seconds> next_due() const;
    /// The furthest due time, to see whether the clock has jumped.
    std::optional<std::chrono::sys_seconds> last_due() const;
    std::size_t waiting() const { return table_.size() - active_; }
    std::size_t active() const { return active_; }
    bool is_known(const spool::MessageId& id) const { return find(id).has_value(); }
    bool is_empty() const { return table_.size() == 0 && !leaves_out(); }
    /// Messages of this store wait because of the limits.
    bool is_over_limits() const { return leaves_out() || !over_limits_.is_empty(); }
    /// Names were left out for which there is room now: look through the store again.
    bool is_incomplete() const;
    /// Before and after each name of the store is seen again. `is_complete`: each was.
    void begin_scan();
    void end_scan(bool is_complete = true);

private:
    using Number = EntryTable::Number;
    /// Numbers of entries, the first one at `head`. Whoever left before its turn is passed over
    /// then: its `position` isn't its index here, or it isn't in this lane.
    struct Lane {
        std::vector<Number> numbers;
        std::size_t head = 0;
        std::size_t size = 0;  // without those that have left
    };

    std::optional<Number> find(const spool::MessageId& id) const;
    Number find_or_add(const spool::MessageId& id);
    void wait(Number number, std::chrono::sys_seconds due, std::uint64_t from);
    void take_out(Number number);
    void set_active(Number number);
    void release_weight(Entry& entry);
    void let_one_in();
    bool is_in(const Lane& lane, std::uint32_t number_of_lane, std::size_t index) const;
    void tidy(Lane& lane, std::uint32_t number_of_lane);
    DueHeap* choose(std::chrono::sys_seconds now, const IsImplausible& is_implausible);
    DueHeap& schedule(bool is_new) { return is_new ? new_ : tried_; }
    bool leaves_out() const { return has_left_out_ || had_left_out_; }

    QueueLimits limits_;
    Observer* observer_ = nullptr;
    EntryTable table_;
    DueHeap new_;             // by Entry::from
    DueHeap tried_;           // the same
    DueHeap over_limits_;     // the oldest id first
    bool was_new_ = false;    // the last one given
    bool was_newest_ = true;  // the last new one given
    std::unordered_map<std::uint32_t, Lane> lanes_;
    std::size_t active_ = 0;
    std::uint64_t octets_ = 0;      // the sums of all weights
    std::uint64_t recipients_ = 0;  //
    bool has_left_out_ = false;     // since the last scan began
    bool had_left_out_ = false;     // before that, as long as it goes on
};

}  // namespace mxpost::deliver
