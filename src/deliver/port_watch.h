// Is port 25 blocked from here? Hosting and access providers drop connections to it; then no MX of
// anybody can be reached, while a relay on another port can.
//
// No single failure shows it: one site may be down. It is suspected when no host of three sites
// answers, or of one for a quarter of an hour, and nobody else's in the meantime. It is taken for
// granted once a relay has answered in that state; where there is no relay, of three sites. Then it
// is tried anew, at growing intervals. Pure.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"

namespace mxpost::deliver {

class PortWatch {
public:
    static constexpr std::size_t kSites = 3;
    static constexpr std::chrono::minutes kOneSiteFor{15};
    static constexpr std::chrono::minutes kForgetAfter{60};
    static constexpr std::chrono::minutes kFirstProbeAfter{5};
    static constexpr std::chrono::minutes kProbeEvery{60};  // at most: it doubles up to this
    static constexpr std::chrono::minutes kNewcomerAfter{1};

    /// Somebody's MX answered: all is forgotten. True when that ends a blocked state.
    bool connected();
    /// No host of `site`, to which mail for `domain` goes, could be reached. In the blocked state:
    /// it is still so.
    void unreachable(const std::string& site, const std::string& domain, SteadyTime now);
    /// Enough has failed for a try of the relay.
    bool is_suspect(SteadyTime now) const;
    /// No host of kSites sites could be reached.
    bool is_general(SteadyTime now) const;
    /// So it is. True when that begins a blocked state.
    bool confirm(SteadyTime now);
    bool is_blocked() const { return probe_at_.has_value(); }
    /// In the blocked state, true now and then: this message is to try port 25 again.
    bool take_probe(SteadyTime now);
    /// Without a relay to go to: is mail for `domain` to be tried? Always, but in the blocked state
    /// as take_probe() says; and once a minute for a domain that hasn't failed yet, because it may
    /// be that only some servers are down.
    bool may_try(const std::string& domain, SteadyTime now);

private:
    struct Failing {
        SteadyTime first;
        SteadyTime last;
    };
    void forget_old(SteadyTime now);

    std::map<std::string, Failing> sites_;  // at most kMaxKept
    std::set<std::string> domains_;         // at most kMaxDomains, of those sites
    std::optional<SteadyTime> probe_at_;    // none: not blocked, as far as is known
    std::chrono::minutes interval_{kFirstProbeAfter};
    SteadyTime probed_{};
};

}  // namespace mxpost::deliver
