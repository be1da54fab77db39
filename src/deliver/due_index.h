// DueIndex: which messages of a store wait, and which of them is due next. In memory only: the
// names on disk are the truth, this is what was seen of them.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "spool/entry_name.h"

namespace mxpost::deliver {

class DueIndex {
public:
    /// A name that was seen. A message that waits already gets the new due time; one that is being
    /// worked on is looked at again when that ends (see `finish`).
    void saw(const spool::EntryName& name);

    using IsImplausible = std::function<bool(std::chrono::sys_seconds due)>;
    /// The message that is due first, if it is due at `now`; it counts as active from then on. A
    /// due time that `is_implausible` was written by a clock that has jumped, and counts as due.
    std::optional<spool::EntryName> take_due(
        std::chrono::sys_seconds now, const IsImplausible& is_implausible
    );

    /// A message that this process is making counts as active before it has a name.
    void reserve(const spool::MessageId& id) { active_.insert(id); }

    /// The work on an active message ended: it waits again (under this name), or is gone (nullopt).
    void finish(const spool::MessageId& id, const std::optional<spool::EntryName>& next);
    /// The same for one that could not be worked on or renamed: it waits under this name, the one
    /// on disk, but is given at `at`, whatever the name says, unless it is seen under another one.
    void finish_until(const spool::EntryName& name, std::chrono::sys_seconds at);

    /// When the next one is due; nothing when none waits.
    std::optional<std::chrono::sys_seconds> next_due() const;
    std::size_t waiting() const { return due_.size(); }
    std::size_t active() const { return active_.size(); }
    bool is_empty() const { return due_.empty() && active_.empty(); }

private:
    struct Waiting {
        std::chrono::sys_seconds due;   // as in the name
        std::chrono::sys_seconds from;  // given then
    };
    void wait(const spool::EntryName& name, std::chrono::sys_seconds from);

    std::set<std::pair<std::chrono::sys_seconds, spool::MessageId>> schedule_;  // by Waiting::from
    std::unordered_map<spool::MessageId, Waiting> due_;
    std::unordered_set<spool::MessageId> active_;
    // Seen under a new name while active: somebody asked for an attempt now.
    std::unordered_map<spool::MessageId, std::chrono::sys_seconds> seen_again_;
};

}  // namespace mxpost::deliver
