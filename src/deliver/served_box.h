// ServedBox: a box that this engine works for, the lock that says so, and what waits in it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/file_system.h"
#include "deliver/due_index.h"
#include "spool/box_store.h"

namespace mxpost::deliver {

class ServedBox {
public:
    /// `is_system`: announces a takeover through the box's ".system" entry. `seed`: DueIndex's.
    ServedBox(
        FileSystem& files,
        spool::Box box,
        bool is_system,
        QueueLimits limits = {},
        std::uint64_t seed = 0
    )
        : files_(&files),
          store_(files, std::move(box)),
          is_system_(is_system),
          index_(limits, seed) {}

    /// Takes the other's place, in which nothing is under way: pointers to this one, and its
    /// number, hold for the other from now on.
    void become(ServedBox other);
    /// Nothing is under way: no message is in work, no removal waits for its sync.
    bool is_idle() const;

    spool::BoxStore& store() { return store_; }
    const spool::BoxStore& store() const { return store_; }
    DueIndex& index() { return index_; }
    const DueIndex& index() const { return index_; }

    /// Takes the box's lock if nobody has it (an on-demand engine gives it up when it sees that a
    /// system engine holds ".system"). True when this engine serves the box now.
    Result<bool> try_serve();
    /// The lock came with the descriptor.
    void adopt_lock() { is_served_ = true; }
    bool is_served() const { return is_served_; }
    /// For an on-demand engine: a system engine wants the box.
    bool is_wanted_by_system();
    void release();

    /// Sees every message that is there, and every request.
    Result<void> scan(std::chrono::sys_seconds now);
    /// The same in pieces of `most` entries: false when the last one was seen, and finish_scan() is
    /// to be called. Meanwhile messages come, go and change their names: what happens to them must
    /// reach the index as well (by the watch, or because it was our doing).
    Result<bool> scan_some(std::size_t most);
    /// Acts on the requests that were found. `knows_all`: whatever happened in the box until the
    /// last piece has reached the index. Else no request is taken for one that nothing can come of.
    void finish_scan(std::chrono::sys_seconds now, bool knows_all = true);
    /// The last scan met a message that wasn't known before, or had another name.
    bool has_met_new() const { return has_met_new_; }
    void stop_scan();
    bool is_scanning() const { return listing_.has_value(); }
    /// Is this message in the box, whether or not it was seen yet? Where that isn't known, the box
    /// is listed.
    bool has(const spool::MessageId& id);
    /// Removes files that a crashed submitter left, as far as the last scan has met them.
    std::size_t remove_leftovers(WallTime now);

    /// Something is asked of a message: it is looked at now, or, where it is in work, when that has
    /// ended (see Requests). Until then the request stays, so that it isn't lost when another
    /// engine takes the box over first.
    void saw_request(const spool::Request& request, std::chrono::sys_seconds now);
    /// True once when a request for this message was seen.
    bool take_asked(const spool::MessageId& id);
    /// A request for this message that ends attempts at it was seen: hold, delete or bounce. What
    /// isn't begun yet need not be.
    bool is_withdrawn(const spool::MessageId& id) const;

    /// A message that can't be read, or not set aside, is tried again and again, and its owner may
    /// have many: true when this is the first time, or the reason another one.
    bool is_news(const spool::MessageId& id, const std::string& reason);
    /// It could be read, or is gone.
    void forget_trouble(const spool::MessageId& id) { troubles_.erase(id); }
    /// What the log is to say about one that was set aside; empty: nothing, since its owner has put
    /// too many such things there just now.
    std::string set_aside_line(
        const spool::MessageId& id, const std::string& reason, SteadyTime now
    );

    int watch = -1;          // number of its directory watch, -1: none, scan instead
    std::size_t number = 0;  // whoever has many of these: which one it is
    std::size_t unsynced_removals = 0;
    bool is_removal_sync_due = false;
    std::size_t removal_syncs = 0;  // under way
    bool is_limit_reported = false;

private:
    void saw_listed(const spool::EntryName& name);

    FileSystem* files_;
    spool::BoxStore store_;
    bool is_system_;
    DueIndex index_;
    std::optional<spool::BoxListing> listing_;
    std::vector<spool::Request> requests_;  // that the scan has met
    std::vector<std::string> hidden_;       // the same
    // Messages that something was asked of, and whether that is the end of attempts. The requests
    // are still there.
    std::unordered_map<spool::MessageId, bool> asked_;
    std::unordered_map<spool::MessageId, std::string> troubles_;  // and what was said of them
    SteadyTime told_since_;                                       // what was set aside; a minute
    std::size_t told_ = 0;                                        // of it since then
    std::size_t untold_ = 0;                                      // more of it
    Fd system_lock_;
    bool is_served_ = false;
    bool has_seen_all_ = false;  // since it is served
    bool has_met_new_ = false;
};

}  // namespace mxpost::deliver
