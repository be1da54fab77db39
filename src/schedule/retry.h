// When a message is tried again, when its sender is warned, and when it is given up.
//
// Pure: the time and the randomness come from the caller. Times from spool files are hostile and
// clocks jump, so no sum here can overflow, and neither a clock nor a server makes a message wait
// longer than the policy's longest delay.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "base/clock.h"
#include "base/random.h"

namespace mxpost::schedule {

struct RetryPolicy {
    std::chrono::seconds first_delay = std::chrono::minutes(5);  // none is shorter
    std::chrono::seconds max_delay = std::chrono::hours(4);  // none is longer, which comes first
    std::chrono::seconds lifetime = std::chrono::hours(120);
    std::chrono::seconds warning = std::chrono::hours(4);  // 0 or less: no warning
};

/// What the last attempt's reply asks of the next one. A value; the caller knows what replies mean
/// (see diagnose/ruling.h).
struct RetryHint {
    std::optional<std::chrono::seconds> stated;  // the server says when to come back
    bool is_greylisting = false;                 // "not yet", said to a first contact
    std::chrono::seconds least{};                // not before
    std::chrono::seconds give_up_after{};        // if sooner than the lifetime; 0: it isn't
};

/// How long to wait after the `attempts`th attempt (1: the first).
///
/// Doubles from first_delay to max_delay, 25 % to either side at random, but within these two: the
/// first wait is rather longer than first_delay, the last ones are rather shorter than max_delay.
/// Never less than the hint's least delay, up to max_delay.
///
/// A server that says when is asked again then (never sooner than a minute, at most max_delay), one
/// that greylists without saying in five to six minutes and then every quarter of an hour, both
/// even if that is sooner than first_delay; a server that goes on like that for more than six
/// attempts gets the ordinary delays.
std::chrono::seconds retry_delay(
    std::uint32_t attempts, const RetryPolicy& policy, const RetryHint& hint, Random& random
);

/// One recipient that is still pending.
struct PendingRecipient {
    PendingRecipient() = default;  // not tried yet, so due now
    PendingRecipient(std::uint32_t attempts_, WallTime last_time_, const RetryHint& hint_)
        : attempts(attempts_), last_time(last_time_), is_tried(true), hint(hint_) {}

    std::uint32_t attempts = 0;
    WallTime last_time;
    bool is_tried = false;
    RetryHint hint;  // of the last attempt
};

/// True when the recipient may be tried now: its delay (the shortest that jitter allows) is over,
/// or its last attempt lies in the future. A message is due when its first recipient is; this
/// keeps the others from being tried too early with it.
bool is_due(const PendingRecipient& recipient, WallTime now, const RetryPolicy& policy);

/// When the message is to be looked at again: as soon as one of the pending recipients is due, but
/// no later than its end of life, nor than its warning while that is owed (`is_warning_open`).
/// Never before `now`; without pending recipients, `now`.
std::chrono::sys_seconds next_due(
    std::span<const PendingRecipient> pending,
    WallTime arrival,
    bool is_warning_open,
    WallTime now,
    const RetryPolicy& policy,
    Random& random
);

/// The message is older than its lifetime, by the clock alone. One that arrived in the future is
/// not.
bool is_expired(WallTime arrival, WallTime now, const RetryPolicy& policy);
/// The same for a recipient, whatever clocks do: it gets a few attempts even when the clock jumped
/// ahead (or the machine was off), and is given up after twice the attempts of a lifetime when its
/// message claims to come from the future. Its hint may end its life sooner than the message's.
bool is_expired(
    WallTime arrival, WallTime now, const RetryPolicy& policy, const PendingRecipient& recipient
);
/// The message is old enough for the warning that it is delayed.
bool is_warning_due(WallTime arrival, WallTime now, const RetryPolicy& policy);
/// The time of giving up, for the text of reports; a recipient's may be sooner than its message's.
WallTime expiry(WallTime arrival, const RetryPolicy& policy);
WallTime expiry(WallTime arrival, const RetryPolicy& policy, const PendingRecipient& recipient);

/// True for a due time further ahead than any that next_due() sets: the clock was wrong when it was
/// set, or is now. It counts as due now.
bool is_implausible_due(std::chrono::sys_seconds due, WallTime now, const RetryPolicy& policy);

}  // namespace mxpost::schedule
