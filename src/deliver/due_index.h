// DueIndex: which messages of a store wait, and which of them is given next. In memory only: the
// names on disk are the truth, this is what was seen of them.
//
// New mail goes first: of those that are due, a message that was never tried and one that was tried
// before are given in turn, so that a backlog delays new mail by one message at most and new mail
// doesn't starve the backlog.
//
// It also keeps to the limits of one user's queue, which submission checks as well, but files in a
// box are their owner's to write: what goes beyond the number of messages is left out until others
// are gone; what goes beyond the sizes, which are known only when a message was read, is parked.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

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
    explicit DueIndex(QueueLimits limits = {}) : limits_(limits) {}

    /// A name that was seen. A message that waits already gets the new due time; one that is being
    /// worked on is looked at again when that ends (see `finish`).
    void saw(const spool::EntryName& name);

    using IsImplausible = std::function<bool(std::chrono::sys_seconds due)>;
    enum class Choice : std::uint8_t { any, only_new };
    /// A message that is due at `now`, by the rules above and else the one that is due longest; it
    /// counts as active from then on. A due time that `is_implausible` was written by a clock that
    /// has jumped, and counts as due.
    std::optional<spool::EntryName> take_due(
        std::chrono::sys_seconds now,
        const IsImplausible& is_implausible,
        Choice choice = Choice::any
    );

    /// A message that this process is making counts as active before it has a name.
    void reserve(const spool::MessageId& id) { active_.emplace(id, Weight()); }

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

    /// A waiting message is due now, under the name that it has. False when it doesn't wait: it is
    /// active, or not known.
    bool hurry(const spool::MessageId& id, std::chrono::sys_seconds now);

    /// When the next one is due; nothing when none waits.
    std::optional<std::chrono::sys_seconds> next_due() const;
    std::size_t waiting() const { return due_.size() + parked_.size(); }
    std::size_t active() const { return active_.size(); }
    bool is_known(const spool::MessageId& id) const;
    bool is_empty() const { return waiting() == 0 && active_.empty() && !has_left_out_; }
    /// Messages of this store wait because of the limits.
    bool is_over_limits() const { return has_left_out_ || !parked_.empty(); }
    /// Names were left out for which there is room now: look through the store again.
    bool is_incomplete() const;
    /// Before each name of the store is seen again.
    void begin_scan() { has_left_out_ = false; }

private:
    struct Waiting {
        std::chrono::sys_seconds due;   // as in the name
        std::chrono::sys_seconds from;  // given then
        Weight weight;
        bool is_new = false;
    };
    using Schedule = std::set<std::pair<std::chrono::sys_seconds, spool::MessageId>>;

    void wait(const spool::EntryName& name, std::chrono::sys_seconds from, const Weight& weight);
    Weight end_work(const spool::MessageId& id);
    void unpark_one();
    Schedule* choose(
        std::chrono::sys_seconds now, const IsImplausible& is_implausible, Choice choice
    );
    Schedule& schedule(bool is_new) { return is_new ? new_ : tried_; }

    QueueLimits limits_;
    Schedule new_;          // by Waiting::from
    Schedule tried_;        // the same
    bool was_new_ = false;  // the last one given
    std::unordered_map<spool::MessageId, Waiting> due_;
    std::unordered_map<spool::MessageId, Weight> active_;
    std::map<spool::MessageId, std::chrono::sys_seconds> parked_;  // the oldest first
    std::uint64_t octets_ = 0;                                     // the sums of all weights
    std::uint64_t recipients_ = 0;                                 //
    bool has_left_out_ = false;
    // Seen under a new name while active: somebody asked for an attempt now.
    std::unordered_map<spool::MessageId, std::chrono::sys_seconds> seen_again_;
};

}  // namespace mxpost::deliver
