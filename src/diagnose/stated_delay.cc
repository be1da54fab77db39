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
