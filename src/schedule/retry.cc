#include "schedule/retry.h"

#include <algorithm>

namespace mxpost::schedule {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr seconds kShortestStated = minutes(1);
constexpr seconds kLongestParsed = std::chrono::hours(24 * 365);
constexpr seconds kFirstGreyDelay = minutes(5);
constexpr seconds kNextGreyDelay = minutes(15);
constexpr std::uint32_t kGreyAttempts = 6;
/// A message isn't given up before so many attempts: the clock may have jumped, or the machine have
/// been off.
constexpr std::uint32_t kFewestAttempts = 5;
/// What a clock may be off, or a minute of jitter add, before a due time counts as nonsense.
constexpr seconds kSlack = minutes(10);

/// a + b for times that may be anything: stays within what 64 bits of microseconds hold.
WallTime add(WallTime time, seconds delay) {
    constexpr auto kLimit = std::chrono::duration_cast<seconds>(WallTime::duration::max()) / 4;
    const seconds bounded = std::clamp(delay, -kLimit, kLimit);
    const auto bounded_time = std::clamp(time, WallTime(-kLimit), WallTime(kLimit));
    return bounded_time + bounded;
}

seconds sane(seconds delay) {
    return std::clamp(delay, seconds(1), kLongestParsed);
}

/// first_delay doubled for each attempt after the first, up to max_delay.
seconds exponential_delay(std::uint32_t attempts, const RetryPolicy& policy) {
    const seconds longest = sane(policy.max_delay);
    seconds delay = std::min(sane(policy.first_delay), longest);
    for (std::uint32_t i = 1; i < attempts && delay < longest; ++i) {
        delay = std::min(delay * 2, longest);
    }
    return delay;
}

/// How many attempts the policy makes in a lifetime at least; 1 when that is short.
std::uint32_t usual_attempts(const RetryPolicy& policy) {
    const seconds longest = sane(policy.max_delay);
    const seconds lifetime = std::clamp(policy.lifetime, seconds(0), kLongestParsed);
    std::uint32_t attempts = 1;
    seconds age{0};
    for (seconds delay = exponential_delay(1, policy); delay < longest; delay *= 2) {
        age += delay + delay / 4;
        if (age > lifetime) {
            return attempts;
        }
        ++attempts;
    }
    return attempts + static_cast<std::uint32_t>((lifetime - age) / (longest + longest / 4));
}

/// A quarter off at most: what is_due() goes by.
seconds shortest(seconds delay) {
    return delay - delay / 4;
}

seconds below(Random& random, seconds bound) {
    return seconds(random.below(static_cast<std::uint64_t>(bound.count()) + 1));
}

/// Where patience was asked for: the least delay that honours it; nothing where it wasn't, and for
/// a server that has asked too often.
std::optional<seconds> asked_delay(
    std::uint32_t attempts, const RetryPolicy& policy, const RetryHint& hint
) {
    if (attempts > kGreyAttempts || (!hint.stated && !hint.is_greylisting)) {
        return std::nullopt;
    }
    const seconds longest = std::max(sane(policy.max_delay), kShortestStated);
    if (hint.stated) {
        return std::clamp(*hint.stated, kShortestStated, longest);
    }
    return std::min(attempts <= 1 ? kFirstGreyDelay : kNextGreyDelay, longest);
}

/// The least delay that the hint wants, within the policy's longest.
seconds least_delay(const RetryPolicy& policy, const RetryHint& hint) {
    return std::clamp(hint.least, seconds(0), sane(policy.max_delay));
}

/// The policy for a recipient that is given up earlier.
RetryPolicy with_give_up(RetryPolicy policy, const RetryHint& hint) {
    if (hint.give_up_after > seconds(0)) {
        policy.lifetime = std::min(policy.lifetime, hint.give_up_after);
    }
    return policy;
}

}  // namespace

seconds retry_delay(
    std::uint32_t attempts, const RetryPolicy& policy, const RetryHint& hint, Random& random
) {
    const seconds least = least_delay(policy, hint);
    if (const auto asked = asked_delay(attempts, policy, hint)) {
        // Only ever later than asked; a little, or the sender waits for nothing.
        return std::max(*asked, least) + seconds(5) + below(random, minutes(1) - seconds(5));
    }
    const seconds delay = exponential_delay(attempts, policy);
    if (least >= shortest(delay)) {
        return least + below(random, least / 4);
    }
    return shortest(delay) + below(random, delay / 2);
}

bool is_due(const PendingRecipient& recipient, WallTime now, const RetryPolicy& policy) {
    if (!recipient.is_tried || recipient.last_time > now) {
        return true;
    }
    const auto asked = asked_delay(recipient.attempts, policy, recipient.hint);
    const seconds delay = asked ? *asked : shortest(exponential_delay(recipient.attempts, policy));
    return add(recipient.last_time, std::max(delay, least_delay(policy, recipient.hint))) <= now;
}

std::chrono::sys_seconds next_due(
    std::span<const PendingRecipient> pending,
    WallTime arrival,
    bool is_warning_open,
    WallTime now,
    const RetryPolicy& policy,
    Random& random
) {
    if (pending.empty()) {
        return to_seconds(now);
    }
    WallTime due = WallTime::max();
    // What is past was dealt with, or can't be now: waking up for it at once would go on for ever.
    const auto wake_at = [&](WallTime time) { due = time > now ? std::min(due, time) : due; };
    if (is_warning_open && policy.warning > seconds(0)) {
        wake_at(add(std::min(arrival, now), policy.warning));
    }
    for (const PendingRecipient& recipient : pending) {
        if (!recipient.is_tried) {
            return to_seconds(now);
        }
        wake_at(expiry(std::min(arrival, now), policy, recipient));
        // A last attempt in the future: the clock went back. Count from now.
        const WallTime from = std::min(recipient.last_time, now);
        due = std::min(
            due, add(from, retry_delay(recipient.attempts, policy, recipient.hint, random))
        );
    }
    // Rounded up: at the due time is_due() must hold.
    return std::chrono::ceil<seconds>(std::max(due, now));
}

WallTime expiry(WallTime arrival, const RetryPolicy& policy) {
    return add(arrival, policy.lifetime);
}

WallTime expiry(WallTime arrival, const RetryPolicy& policy, const PendingRecipient& recipient) {
    return expiry(arrival, with_give_up(policy, recipient.hint));
}

bool is_expired(WallTime arrival, WallTime now, const RetryPolicy& policy) {
    return arrival <= now && expiry(arrival, policy) <= now;
}

bool is_expired(
    WallTime arrival, WallTime now, const RetryPolicy& policy, const PendingRecipient& recipient
) {
    const std::uint32_t usual = usual_attempts(with_give_up(policy, recipient.hint));
    if (arrival > now) {
        return recipient.attempts >= 2 * usual + kGreyAttempts;
    }
    return is_expired(arrival, now, with_give_up(policy, recipient.hint)) &&
           recipient.attempts >= std::min(usual, kFewestAttempts);
}

bool is_warning_due(WallTime arrival, WallTime now, const RetryPolicy& policy) {
    return policy.warning > seconds(0) && arrival <= now && add(arrival, policy.warning) <= now;
}

bool is_implausible_due(std::chrono::sys_seconds due, WallTime now, const RetryPolicy& policy) {
    const seconds longest = std::max(sane(policy.max_delay), kShortestStated);
    return WallTime(due) > add(now, longest + longest / 4 + kSlack);
}

}  // namespace mxpost::schedule
