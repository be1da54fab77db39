#include "schedule/site_control.h"

#include <algorithm>

namespace mxpost::schedule {
namespace {

/// After a sign that it was too much the window stays for a while, however well things go.
constexpr std::chrono::seconds kNoGrowthFor{30};
constexpr std::size_t kMostUnwilling = 3;

}  // namespace

SiteControl::SiteControl(const SitePolicy& policy)
    : policy_(policy),
      window_(std::clamp<std::size_t>(policy.first_sessions, 1, most_sessions())) {}

void SiteControl::restrict(std::size_t max_sessions, SteadyTime until) {
    restricted_sessions_ = std::max<std::size_t>(1, max_sessions);
    restricted_until_ = std::max(restricted_until_, until);
    window_ = std::min(window_, restricted_sessions_);
}

void SiteControl::restrict_rate(
    std::uint32_t messages, std::chrono::seconds interval, SteadyTime until
) {
    restricted_messages_ = messages;
    restricted_interval_ = interval;
    rate_restricted_until_ = std::max(rate_restricted_until_, until);
}

std::size_t SiteControl::limit(SteadyTime now) const {
    const std::size_t most = most_sessions();
    return now < restricted_until_ ? std::min(most, restricted_sessions_) : most;
}

std::size_t SiteControl::sessions(SteadyTime now) const {
    if (resting_until(now)) {
        return 0;
    }
    return is_probing_ ? 1 : std::min(window_, limit(now));
}

SteadyTime SiteControl::next_begin(SteadyTime now) const {
    const bool is_restricted = now < rate_restricted_until_ && restricted_messages_ > 0;
    const std::uint32_t messages = is_restricted ? restricted_messages_ : policy_.rate_messages;
    if (messages == 0) {
        return now;
    }
    const auto interval = is_restricted ? restricted_interval_ : policy_.rate_interval;
    return std::max(
        now, begun_ + std::chrono::duration_cast<SteadyTime::duration>(interval) / messages
    );
}

void SiteControl::begin(SteadyTime now) {
    begun_ = now;
}

void SiteControl::delivered(SteadyTime now) {
    reached();
    is_probing_ = false;
    if (grow_again_ && now < *grow_again_) {
        return;
    }
    if (++taken_ >= (is_careful_ ? window_ : 1)) {
        taken_ = 0;
        window_ = std::min(window_ + 1, most_sessions());
    }
}

void SiteControl::reached() {
    rest_ = std::chrono::seconds(0);
    rest_until_.reset();
    unwilling_ = 0;
}

void SiteControl::slowed(SteadyTime now) {
    if (grow_again_ && now < *grow_again_) {
        return;  // the same sign from several sessions at once is one sign
    }
    is_careful_ = true;
    taken_ = 0;
    window_ = std::max<std::size_t>(1, std::min(window_, limit(now)) / 2);
    grow_again_ = now + kNoGrowthFor;
}

void SiteControl::crowded(std::size_t sessions, SteadyTime now) {
    slowed(now);
    window_ = std::max<std::size_t>(1, std::min(window_, sessions));
}

void SiteControl::unreachable(
    const mail::RecipientOutcome& reason, SteadyTime now, Random& random
) {
    rest_ = rest_ == std::chrono::seconds(0) ? policy_.first_rest
                                             : std::min(rest_ * 2, policy_.longest_rest);
    const auto jitter =
        std::chrono::seconds(random.below(static_cast<std::uint64_t>(rest_.count() / 4 + 1)));
    rest_until_ = now + rest_ - jitter;
    begin_again(reason);
}

void SiteControl::unwilling(const mail::RecipientOutcome& reason, SteadyTime now, Random& random) {
    slowed(now);
    const bool has_rested = rest_ > std::chrono::seconds(0);  // and no session came of it
    if (++unwilling_ >= kMostUnwilling || has_rested) {
        unreachable(reason, now, random);
    }
}

void SiteControl::suspend(const mail::RecipientOutcome& reason, SteadyTime until) {
    suspended_until_ = std::max(until, suspended_until_.value_or(until));
    begin_again(reason);
}

void SiteControl::begin_again(const mail::RecipientOutcome& reason) {
    reason_ = reason;
    is_probing_ = true;
    window_ = std::clamp<std::size_t>(policy_.first_sessions, 1, most_sessions());
}

void SiteControl::try_now() {
    rest_until_.reset();
    suspended_until_.reset();
}

std::optional<SteadyTime> SiteControl::resting_until(SteadyTime now) const {
    std::optional<SteadyTime> until;
    for (const auto& one : {rest_until_, suspended_until_}) {
        if (one && now < *one) {
            until = std::max(*one, until.value_or(*one));
        }
    }
    return until;
}

bool SiteControl::is_unremarkable(SteadyTime now) const {
    return !rest_until_ && !resting_until(now) && !is_careful_ && now >= restricted_until_ &&
           now >= rate_restricted_until_;
}

}  // namespace mxpost::schedule
