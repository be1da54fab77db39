#include "schedule/retry.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "base/text.h"

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

/// For a reply that asks for patience: the least delay that honours it; nothing for other replies,
/// and for a server that has asked too often.
std::optional<seconds> asked_delay(
    std::uint32_t attempts, const RetryPolicy& policy, const mail::RecipientOutcome& last
) {
    if (attempts > kGreyAttempts || !is_greylisting(last)) {
        return std::nullopt;
    }
    const seconds longest = std::max(sane(policy.max_delay), kShortestStated);
    if (const auto stated = stated_delay(last.text)) {
        return std::clamp(*stated, kShortestStated, longest);
    }
    return std::min(attempts <= 1 ? kFirstGreyDelay : kNextGreyDelay, longest);
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return c >= 'a' && c <= 'z';
}

/// Reads words and numbers off a reply in lower case.
class Scanner {
public:
    explicit Scanner(std::string_view text) : text_(text) {}

    bool is_at_end() const { return at_ >= text_.size(); }
    char front() const { return text_[at_]; }
    void skip() { ++at_; }
    bool skip(char c) {
        if (is_at_end() || front() != c) {
            return false;
        }
        ++at_;
        return true;
    }
    std::string_view word() {
        const std::size_t start = at_;
        while (!is_at_end() && is_letter(front())) {
            ++at_;
        }
        return text_.substr(start, at_ - start);
    }
    /// A number; a huge one is cut to a year's seconds.
    std::int64_t number() {
        std::int64_t value = 0;
        while (!is_at_end() && is_digit(front())) {
            value = std::min<std::int64_t>(value * 10 + (front() - '0'), kLongestParsed.count());
            ++at_;
        }
        return value;
    }
    bool is_at_number() const { return !is_at_end() && is_digit(front()); }

private:
    std::string_view text_;
    std::size_t at_ = 0;
};

/// Seconds in a unit; 0 when `word` is none.
std::int64_t unit_seconds(std::string_view word) {
    static constexpr std::array<std::string_view, 4> kSeconds{"s", "sec", "secs", "second"};
    static constexpr std::array<std::string_view, 4> kMinutes{"m", "min", "mins", "minute"};
    static constexpr std::array<std::string_view, 4> kHours{"h", "hr", "hrs", "hour"};
    if (word.size() > 4 && word.back() == 's') {
        word.remove_suffix(1);
    }
    const auto is_in = [&](const auto& words) {
        return std::find(words.begin(), words.end(), word) != words.end();
    };
    return is_in(kSeconds) ? 1 : is_in(kMinutes) ? 60 : is_in(kHours) ? 3600 : 0;
}

/// After a number: ":MM:SS" or ":SS" (milter-greylist), or a unit.
std::optional<seconds> finish_delay(Scanner& scanner, std::int64_t value) {
    if (scanner.skip(':')) {
        if (!scanner.is_at_number()) {
            return std::nullopt;
        }
        value = value * 60 + scanner.number();
        if (scanner.skip(':') && scanner.is_at_number()) {
            value = value * 60 + scanner.number();
        }
    } else {
        while (scanner.skip(' ')) {
        }
        const std::int64_t unit = unit_seconds(scanner.word());
        if (unit == 0) {
            return std::nullopt;
        }
        value *= unit;
    }
    return std::min(seconds(value), kLongestParsed);
}

bool is_trigger(std::string_view word) {
    static constexpr std::array<std::string_view, 6> kTriggers{
        "in", "after", "for", "wait", "least", "within"};
    return std::find(kTriggers.begin(), kTriggers.end(), word) != kTriggers.end();
}

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

bool names_greylisting(std::string_view text) {
    return contains(text, "greylist") || contains(text, "graylist") ||
           contains(text, "grey-list") || contains(text, "gray-list") ||
           contains(text, "grey list") || contains(text, "gray list");
}

}  // namespace

std::optional<seconds> stated_delay(std::string_view reply) {
    const std::string text = ascii_lower(reply.substr(0, mail::kMaxOutcomeText));
    Scanner scanner(text);
    bool is_triggered = false;
    while (!scanner.is_at_end()) {
        if (is_letter(scanner.front())) {
            is_triggered = is_trigger(scanner.word());
        } else if (is_digit(scanner.front())) {
            const std::int64_t value = scanner.number();
            if (is_triggered) {
                if (const auto delay = finish_delay(scanner, value)) {
                    return delay;
                }
            }
            is_triggered = false;
        } else {
            // Only white space may stand between "in" and its number.
            is_triggered = is_triggered && scanner.front() == ' ';
            scanner.skip();
        }
    }
    return std::nullopt;
}

bool is_greylisting(const mail::RecipientOutcome& outcome) {
    if (outcome.kind != mail::OutcomeKind::deferred || outcome.reply_code < 400 ||
        outcome.reply_code > 499) {
        return false;
    }
    return names_greylisting(ascii_lower(outcome.text)) || stated_delay(outcome.text).has_value();
}

seconds retry_delay(
    std::uint32_t attempts,
    const RetryPolicy& policy,
    const mail::RecipientOutcome& last,
    Random& random
) {
    if (const auto asked = asked_delay(attempts, policy, last)) {
        // Only ever later than asked; a little, or the sender waits for nothing.
        return *asked + seconds(5) + below(random, minutes(1) - seconds(5));
    }
    const seconds delay = exponential_delay(attempts, policy);
    return shortest(delay) + below(random, delay / 2);
}

bool is_due(const PendingRecipient& recipient, WallTime now, const RetryPolicy& policy) {
    if (recipient.last == nullptr || recipient.last_time > now) {
        return true;
    }
    const auto asked = asked_delay(recipient.attempts, policy, *recipient.last);
    const seconds delay = asked ? *asked : shortest(exponential_delay(recipient.attempts, policy));
    return add(recipient.last_time, delay) <= now;
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
    wake_at(expiry(std::min(arrival, now), policy));
    if (is_warning_open && policy.warning > seconds(0)) {
        wake_at(add(std::min(arrival, now), policy.warning));
    }
    for (const PendingRecipient& recipient : pending) {
        if (recipient.last == nullptr) {
            return to_seconds(now);
        }
        // A last attempt in the future: the clock went back. Count from now.
        const WallTime from = std::min(recipient.last_time, now);
        due = std::min(
            due, add(from, retry_delay(recipient.attempts, policy, *recipient.last, random))
        );
    }
    // Rounded up: at the due time is_due() must hold.
    return std::chrono::ceil<seconds>(std::max(due, now));
}

WallTime expiry(WallTime arrival, const RetryPolicy& policy) {
    return add(arrival, policy.lifetime);
}

bool is_expired(WallTime arrival, WallTime now, const RetryPolicy& policy) {
    return arrival <= now && expiry(arrival, policy) <= now;
}

bool is_expired(WallTime arrival, WallTime now, const RetryPolicy& policy, std::uint32_t attempts) {
    const std::uint32_t usual = usual_attempts(policy);
    if (arrival > now) {
        return attempts >= 2 * usual + kGreyAttempts;
    }
    return is_expired(arrival, now, policy) && attempts >= std::min(usual, kFewestAttempts);
}

bool is_warning_due(WallTime arrival, WallTime now, const RetryPolicy& policy) {
    return policy.warning > seconds(0) && arrival <= now && add(arrival, policy.warning) <= now;
}

bool is_implausible_due(std::chrono::sys_seconds due, WallTime now, const RetryPolicy& policy) {
    const seconds longest = std::max(sane(policy.max_delay), kShortestStated);
    return WallTime(due) > add(now, longest + longest / 4 + kSlack);
}

}  // namespace mxpost::schedule
