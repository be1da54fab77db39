// SiteMemory: what sites have asked for, or don't like, for longer than an engine may live: which
// of our addresses is unwelcome, and until when nothing is to be tried.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/state_directory.h"

namespace mxpost::deliver {

class SiteMemory {
public:
    struct Entry {
        Entry() = default;

        WallTime ipv4_bad_until{};
        WallTime ipv6_bad_until{};
        WallTime suspended_until{};
        std::string reason;  // of the suspension, one line
    };

    /// Reads what is kept in `state`. References must outlive it.
    SiteMemory(StateDirectory& state, const Clock& clock);
    SiteMemory(const SiteMemory&) = delete;
    SiteMemory& operator=(const SiteMemory&) = delete;

    const Clock& clock() const { return clock_; }
    /// By the site's key; null: nothing of it still counts.
    const Entry* find(const std::string& site) const;
    /// Replaces the entry, and writes all: this happens when a site refuses, not for each message.
    void note(const std::string& site, Entry entry);

private:
    void load(std::string_view text);
    void save();
    bool is_over(const Entry& entry) const;

    StateDirectory& state_;
    const Clock& clock_;
    std::map<std::string, Entry> sites_;
};

}  // namespace mxpost::deliver
