// Is port 25 blocked from here? Hosting and access providers drop connections to it; then no MX of
// anybody can be reached, while a relay on another port can.
//
// No single failure shows it: one site may be down. It is suspected when no host of three sites
// answers, or of one for a quarter of an hour, and nobody else's in the meantime; it is taken for
// granted once a relay has answered in that state; and it is tried anew every half hour. Pure.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"

namespace mxpost::deliver {

class PortWatch {
public:
    static constexpr std::size_t kSites = 3;
    static constexpr std::chrono::minutes kOneSiteFor{15};
    static constexpr std::chrono::minutes kForgetAfter{60};
    static constexpr std::chrono::minutes kProbeEvery{30};

    /// Somebody's MX answered: all is forgotten. True when that ends a blocked state.
    bool connected();
    /// No host of `site` could be reached. In the blocked state: it is still so.
    void unreachable(const std::string& site, SteadyTime now);
    /// Enough has failed for a try of the relay.
    bool is_suspect(SteadyTime now) const;
    /// The relay could be reached meanwhile. True when that begins a blocked state.
    bool confirm(SteadyTime now);
    bool is_blocked() const { return probe_at_.has_value(); }
    /// In the blocked state, true once in kProbeEvery: this message is to try port 25 again.
    bool take_probe(SteadyTime now);

private:
    struct Failing {
        SteadyTime first;
        SteadyTime last;
    };
    void forget_old(SteadyTime now);

    std::map<std::string, Failing> sites_;  // at most kMaxKept
    std::optional<SteadyTime> probe_at_;    // none: not blocked, as far as is known
};

}  // namespace mxpost::deliver
