#include "diagnose/stated_delay.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/text.h"
#include "mail/outcome.h"

namespace mxpost::diagnose {
namespace {

using std::chrono::seconds;

constexpr seconds kLongestParsed = std::chrono::hours(24 * 365);

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
    bool is_at(char c) const { return !is_at_end() && front() == c; }
    /// ":MM" or ":SS".
    std::optional<std::int64_t> sixtieths() {
        const std::string_view next = text_.substr(at_, 3);
        if (next.size() < 3 || next[0] != ':' || !is_digit(next[1]) || !is_digit(next[2])) {
            return std::nullopt;
        }
        at_ += next.size();
        return (next[1] - '0') * 10 + (next[2] - '0');
    }
    /// Does what was read go on? A colon before white space is the sentence's.
    bool is_within_word() const {
        const std::string_view rest = text_.substr(at_, 2);
        return !rest.empty() && (is_digit(rest[0]) || is_letter(rest[0]) ||
                                 (rest[0] == ':' && rest.size() > 1 && rest[1] != ' '));
    }

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

/// After hours or minutes: ":MM:SS" or ":SS" (milter-greylist). With more digits or more behind it
/// it is an IPv6 address.
std::optional<seconds> finish_clock(Scanner& scanner, std::int64_t value) {
    const auto first = scanner.sixtieths();
    if (!first || value > 99) {
        return std::nullopt;
    }
    value = value * 60 + *first;
    if (const auto second = scanner.sixtieths()) {
        value = value * 60 + *second;
    }
    return scanner.is_within_word() ? std::nullopt : std::optional(seconds(value));
}

/// After a number: the rest of a time, or a unit.
std::optional<seconds> finish_delay(Scanner& scanner, std::int64_t value) {
    if (scanner.is_at(':')) {
        return finish_clock(scanner, value);
    }
    while (scanner.skip(' ')) {
    }
    const std::int64_t unit = unit_seconds(scanner.word());
    if (unit == 0) {
        return std::nullopt;
    }
    return std::min(seconds(value * unit), kLongestParsed);
}

bool is_trigger(std::string_view word) {
    static constexpr std::array<std::string_view, 6> kTriggers{
        "in", "after", "for", "wait", "least", "within"};
    return std::find(kTriggers.begin(), kTriggers.end(), word) != kTriggers.end();
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

}  // namespace mxpost::diagnose
