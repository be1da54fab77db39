// How much a site is given at a time: as the settings say, its provider, and the site itself where
// its replies ask for less for a while.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "diagnose/site_limits.h"
#include "schedule/site_control.h"

namespace mxpost::deliver {

/// The stricter of both, since receivers hold more than theirs against their sender.
schedule::SitePolicy tightened(schedule::SitePolicy policy, const diagnose::SiteLimits& limits);

/// What one session may carry. How many there are, and how fast, is schedule::SiteControl's.
class SessionLimits {
public:
    explicit SessionLimits(const schedule::SitePolicy& policy)
        : messages_(policy.messages_per_session), recipients_(policy.max_recipients) {}

    /// Tighter until then, because the site asked for it.
    void restrict(const diagnose::SiteLimits& limits, SteadyTime until);
    bool is_restricted(SteadyTime now) const {
        return now < fewer_messages_.until || now < fewer_recipients_.until;
    }

    std::size_t messages(SteadyTime now) const;
    /// Of one transaction; 0: as many as the server says.
    std::size_t recipients(SteadyTime now) const;

private:
    struct Temporary {
        void set(std::optional<std::uint32_t> asked, SteadyTime asked_until);
        std::size_t tighten(std::size_t usual, SteadyTime now) const;

        std::size_t most = 0;
        SteadyTime until{};
    };

    std::size_t messages_;
    std::size_t recipients_;
    Temporary fewer_messages_;
    Temporary fewer_recipients_;
};

}  // namespace mxpost::deliver
