#include "deliver/site_policy.h"

#include <algorithm>

namespace mxpost::deliver {

schedule::SitePolicy tightened(schedule::SitePolicy policy, const diagnose::SiteLimits& limits) {
    if (limits.max_sessions) {
        policy.max_sessions = std::min<std::size_t>(policy.max_sessions, *limits.max_sessions);
    }
    if (limits.messages_per_session) {
        policy.messages_per_session =
            std::min<std::size_t>(policy.messages_per_session, *limits.messages_per_session);
    }
    policy.max_recipients = limits.recipients_per_transaction.value_or(0);
    if (limits.rate) {
        policy.rate_messages = limits.rate->messages;
        policy.rate_interval = limits.rate->interval;
    }
    return policy;
}

void SessionLimits::Temporary::set(std::optional<std::uint32_t> asked, SteadyTime asked_until) {
    if (asked) {
        most = *asked;
        until = std::max(until, asked_until);
    }
}

std::size_t SessionLimits::Temporary::tighten(std::size_t usual, SteadyTime now) const {
    const bool is_tighter = now < until && (usual == 0 || most < usual);
    return is_tighter ? most : usual;
}

void SessionLimits::restrict(const diagnose::SiteLimits& limits, SteadyTime until) {
    fewer_messages_.set(limits.messages_per_session, until);
    fewer_recipients_.set(limits.recipients_per_transaction, until);
}

std::size_t SessionLimits::messages(SteadyTime now) const {
    return fewer_messages_.tighten(messages_, now);
}

std::size_t SessionLimits::recipients(SteadyTime now) const {
    return fewer_recipients_.tighten(recipients_, now);
}

}  // namespace mxpost::deliver
