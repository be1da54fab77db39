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
constexpr seconds kAskedMargin{5};  // clocks differ, and the reply took its time
constexpr seconds kLittleJitter = minutes(1);
/// What a clock may be off before a due time counts as nonsense, besides a quarter of the longest
/// delay.
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

/// A quarter off at most.
seconds shortened(seconds delay) {
    return delay - delay / 4;
}

seconds below(Random& random, seconds bound) {
    return seconds(random.below(static_cast<std::uint64_t>(bound.count()) + 1));
}

/// What jitter chooses from, both ends included. is_due() goes by the shortest.
struct Bounds {
    seconds shortest{};
    seconds longest{};
};

/// `delay`, or the policy's shortest, unless that is longer than its longest.
seconds at_least_first(seconds delay, const RetryPolicy& policy) {
    const seconds first = sane(policy.first_delay);
    return first <= sane(policy.max_delay) ? std::max(delay, first) : delay;
}

/// At first they are later than the shortest delay that the policy allows, in the end sooner than
/// the longest one, so that a burst doesn't come back as one. (Where both are the same it does.)
Bounds ordinary_bounds(std::uint32_t attempts, const RetryPolicy& policy) {
    const seconds longest = sane(policy.max_delay);
    const seconds delay = exponential_delay(attempts, policy);
    return {at_least_first(shortened(delay), policy), std::min(delay + delay / 4, longest)};
}

/// For a server that wants at least this delay. Where the policy doesn't wait so long: its longest
/// delay, less a little, so that a burst doesn't come back as one here either.
Bounds bounds_from(seconds wanted, seconds jitter, const RetryPolicy& policy) {
    const seconds longest = sane(policy.max_delay);
    if (wanted > longest) {
        const seconds sooner = std::max(longest - kLittleJitter, shortened(longest));
        return {at_least_first(sooner, policy), longest};
    }
    return {wanted, std::min(wanted + jitter, longest)};
}

/// How many attempts the policy makes in a lifetime at least; 1 when that is short.
std::uint32_t usual_attempts(const RetryPolicy& policy) {
    const seconds longest = sane(policy.max_delay);
    const seconds lifetime = std::clamp(policy.lifetime, seconds(0), kLongestParsed);
    std::uint32_t attempts = 1;
    seconds age{0};
    for (seconds delay = exponential_delay(1, policy); delay < longest; delay *= 2) {
        age += std::min(delay + delay / 4, longest);
        if (age > lifetime) {
            return attempts;
        }
        ++attempts;
    }
    return attempts + static_cast<std::uint32_t>((lifetime - age) / longest);
}

/// Where patience was asked for: the least delay that honours it; nothing where it wasn't, and for
/// a server that has asked too often.
std::optional<seconds> asked_delay(std::uint32_t attempts, const RetryHint& hint) {
    if (attempts > kGreyAttempts || (!hint.stated && !hint.is_greylisting)) {
        return std::nullopt;
    }
    if (hint.stated) {
        return std::clamp(*hint.stated, kShortestStated, kLongestParsed);
    }
    return attempts <= 1 ? kFirstGreyDelay : kNextGreyDelay;
}

Bounds delay_bounds(std::uint32_t attempts, const RetryPolicy& policy, const RetryHint& hint) {
    const seconds least = std::clamp(hint.least, seconds(0), kLongestParsed);
    if (const auto asked = asked_delay(attempts, hint)) {
        return bounds_from(std::max(*asked, least), kLittleJitter, policy);
    }
    const Bounds bounds = ordinary_bounds(attempts, policy);
    return least > bounds.shortest ? bounds_from(least, least / 4, policy) : bounds;
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
    const auto [shortest, longest] = delay_bounds(attempts, policy, hint);
    // Only ever later than asked; a little, or the sender waits for nothing.
    const seconds margin =
        asked_delay(attempts, hint) ? std::min(kAskedMargin, longest - shortest) : seconds(0);
    return shortest + margin + below(random, longest - shortest - margin);
}

bool is_due(const PendingRecipient& recipient, WallTime now, const RetryPolicy& policy) {
    if (!recipient.is_tried || recipient.last_time > now) {
        return true;
    }
    const seconds shortest = delay_bounds(recipient.attempts, policy, recipient.hint).shortest;
    return add(recipient.last_time, shortest) <= now;
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
    const seconds longest = sane(policy.max_delay);
    return WallTime(due) > add(now, longest + longest / 4 + kSlack);
}

}  // namespace mxpost::schedule
