// parse_rules(): the text of a rules file (mxpost-replies(5)) into rules.
#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "diagnose/data_file.h"
#include "diagnose/reply_rules.h"

namespace mxpost::diagnose {
namespace {

constexpr std::size_t kMaxPatterns = 100;  // of one kind in one rule

/// "550", "55x", "5xx".
Result<CodePattern> parse_code(std::string_view word) {
    Error bad = Error::invalid("code must be such as 550, 55x or 5xx, not " + quoted(word));
    if (word.size() != 3 || word[0] < '2' || word[0] > '5') {
        return bad;
    }
    std::uint16_t low = 0;
    std::uint16_t high = 0;
    bool is_open = false;
    for (const char c : word) {
        const bool is_digit = c >= '0' && c <= '9';
        if ((!is_digit && c != 'x') || (is_digit && is_open)) {
            return bad;
        }
        is_open = !is_digit;
        const int digit = is_digit ? c - '0' : 0;
        low = static_cast<std::uint16_t>(low * 10 + digit);
        high = static_cast<std::uint16_t>(high * 10 + (is_digit ? digit : 9));
    }
    return CodePattern{low, high};
}

/// "4.7.1", "x.7.28", "5.7.x".
Result<StatusPattern> parse_status(std::string_view word) {
    Error bad =
        Error::invalid("status must be such as 4.7.1, x.7.28 or 5.7.x, not " + quoted(word));
    const auto parts = split(word, '.');
    if (parts.size() != 3) {
        return bad;
    }
    std::array<std::optional<std::uint16_t>, 3> numbers;
    for (std::size_t i = 0; i < 3; ++i) {
        if (parts[i] == "x") {
            continue;
        }
        const auto number = parse_unsigned(parts[i]);
        if (!number || *number > 999) {
            return bad;
        }
        numbers[i] = static_cast<std::uint16_t>(*number);
    }
    StatusPattern status;
    if (numbers[0]) {
        if (*numbers[0] != 4 && *numbers[0] != 5) {
            return bad;
        }
        status.klass = static_cast<std::uint8_t>(*numbers[0]);
    }
    status.subject = numbers[1];
    status.detail = numbers[2];
    return status;
}

Result<mail::Step> parse_step_word(std::string_view word) {
    const auto step = parse_step(word);
    return step ? Result<mail::Step>(*step)
                : Error::invalid(
                      "step must be connect, greeting, hello, start-tls, auth, mail, recipient, "
                      "data or content, not " +
                      quoted(word)
                  );
}

template <class T>
Result<void> append_words(
    std::vector<T>& list, std::string_view value, Result<T> (*parse)(std::string_view)
) {
    const auto found = words(value);
    if (found.empty()) {
        return Error::invalid("nothing stands behind it");
    }
    for (const std::string_view word : found) {
        auto parsed = parse(word);
        if (!parsed) {
            return parsed.error();
        }
        if (list.size() == kMaxPatterns) {
            return Error::invalid("more than " + std::to_string(kMaxPatterns) + " of them");
        }
        list.push_back(std::move(*parsed));
    }
    return {};
}

/// One of two words.
Result<bool> either(std::string_view value, std::string_view yes, std::string_view no) {
    if (value != yes && value != no) {
        return Error::invalid(
            "must be " + std::string(yes) + " or " + std::string(no) + ", not " + quoted(value)
        );
    }
    return value == yes;
}

template <class Target, class T>
Result<void> store(Target& target, Result<T> value) {
    if (!value) {
        return value.error();
    }
    target = std::move(*value);
    return {};
}

Result<void> add_text(ReplyRule& rule, std::string_view value) {
    TextPattern pattern(value);
    if (pattern.is_empty()) {
        return Error::invalid("needs words to look for");
    }
    if (rule.texts.size() == kMaxPatterns) {
        return Error::invalid("more than " + std::to_string(kMaxPatterns) + " of them");
    }
    rule.texts.push_back(std::move(pattern));
    return {};
}

/// "sessions=1 rate=1/1m for=90m".
Result<void> set_limits(ReplyRule& rule, std::string_view value) {
    TemporaryLimits limits;
    for (const std::string_view word : words(value)) {
        const std::size_t equals = std::min(word.find('='), word.size());
        const std::string_view name = word.substr(0, equals);
        const std::string_view text = word.substr(std::min(equals + 1, word.size()));
        if (name == "for") {
            if (auto done = store(limits.duration, parse_delay(text)); !done) {
                return Error::invalid("for " + done.error().message());
            }
            continue;
        }
        const auto known = limits.limits.set(name, text);
        if (!known) {
            return known.error();
        }
        if (!*known) {
            return Error::invalid(
                "knows sessions=, messages=, recipients=, rate= and for=, not " + quoted(word)
            );
        }
    }
    if (limits.duration.count() == 0 || limits.limits.is_empty()) {
        return Error::invalid("needs a limit and for=DURATION");
    }
    rule.ruling.limits = limits;
    return {};
}

Result<void> set_retry(ReplyRule& rule, std::string_view value) {
    if (value == "as-stated") {
        rule.ruling.is_as_stated = true;
        return {};
    }
    return store(rule.ruling.retry, parse_delay(value));
}

Result<void> set_kind(ReplyRule& rule, std::string_view value) {
    const auto is_defer = either(value, "defer", "fail");
    if (!is_defer) {
        return is_defer.error();
    }
    rule.ruling.kind = *is_defer ? mail::OutcomeKind::deferred : mail::OutcomeKind::failed;
    return {};
}

Result<void> set_scope(ReplyRule& rule, std::string_view value) {
    const auto scope = parse_scope(value);
    if (!scope) {
        return Error::invalid(
            "must be recipient, message, sender-domain, our-address, address-family, session or "
            "site, not " +
            quoted(value)
        );
    }
    rule.ruling.scope = *scope;
    return {};
}

Result<void> set_notice(ReplyRule& rule, std::string_view value) {
    if (value.empty() || printable(value, value.size()) != value) {
        return Error::invalid("must be a sentence without control characters");
    }
    rule.notice = value;
    return {};
}

template <bool Ruling::*member>
Result<void> set_flag(ReplyRule& rule, std::string_view value) {
    if (!value.empty()) {
        return Error::invalid("stands alone, without " + quoted(value));
    }
    rule.ruling.*member = true;
    return {};
}

template <std::chrono::seconds Ruling::*member>
Result<void> set_delay(ReplyRule& rule, std::string_view value) {
    return store(rule.ruling.*member, parse_delay(value));
}

struct RuleKey {
    std::string_view name;
    Result<void> (*set)(ReplyRule&, std::string_view);
    bool may_repeat = false;
};

constexpr std::array kRuleKeys = {
    // What must hold.
    RuleKey{
        "host",
        [](ReplyRule& rule, std::string_view value) {
            return store(rule.hosts, HostSuffixes::parse(value));
        }},
    RuleKey{
        "step",
        [](ReplyRule& rule, std::string_view value) {
            return append_words(rule.steps, value, parse_step_word);
        }},
    RuleKey{
        "code",
        [](ReplyRule& rule, std::string_view value) {
            return append_words(rule.codes, value, parse_code);
        }},
    RuleKey{
        "status",
        [](ReplyRule& rule, std::string_view value) {
            return append_words(rule.statuses, value, parse_status);
        }},
    RuleKey{"text", add_text, true},
    RuleKey{
        "family",
        [](ReplyRule& rule, std::string_view value) {
            return store(rule.is_ipv6, either(value, "ipv6", "ipv4"));
        }},
    RuleKey{
        "accepted",
        [](ReplyRule& rule, std::string_view value) {
            return store(rule.has_accepted, either(value, "some", "none"));
        }},
    RuleKey{
        "says-when",
        [](ReplyRule& rule, std::string_view value) -> Result<void> {
            if (!value.empty()) {
                return Error::invalid("stands alone, without " + quoted(value));
            }
            rule.is_delay_stated = true;
            return {};
        }},
    // What follows.
    RuleKey{"scope", set_scope},
    RuleKey{"kind", set_kind},
    RuleKey{"retry", set_retry},
    RuleKey{"greylisting", set_flag<&Ruling::is_greylisting>},
    RuleKey{"give-up", set_delay<&Ruling::give_up>},
    RuleKey{"suspend", set_delay<&Ruling::suspend>},
    RuleKey{"slow", set_flag<&Ruling::is_slow_down>},
    RuleKey{"limits", set_limits},
    RuleKey{"other-family", set_delay<&Ruling::other_family>},
    RuleKey{"next-host", set_flag<&Ruling::is_next_host>},
    RuleKey{"reconnect", set_flag<&Ruling::is_reconnect>},
    RuleKey{"require-tls", set_flag<&Ruling::is_tls_required>},
    RuleKey{"too-many-recipients", set_flag<&Ruling::is_too_many_recipients>},
    RuleKey{"notice", set_notice},
};

Result<ReplyRule> parse_rule(const std::string& file, const DataBlock& block) {
    ReplyRule rule;
    rule.name = block.name;
    std::vector<std::string_view> seen;
    for (const DataLine& line : block.lines) {
        const auto* const key =
            std::ranges::find_if(kRuleKeys, [&](const RuleKey& k) { return k.name == line.key; });
        if (key == kRuleKeys.end()) {
            return bad_line(file, line.number, quoted(line.key) + " is no word of a rule");
        }
        if (!key->may_repeat && std::ranges::find(seen, line.key) != seen.end()) {
            return bad_line(
                file, line.number, "the rule has a \"" + std::string(line.key) + "\" line already"
            );
        }
        seen.push_back(line.key);
        if (const auto set = key->set(rule, line.value); !set) {
            const std::string what = set.error().message();
            const bool is_named = what.starts_with(line.key);
            return bad_line(
                file, line.number, (is_named ? "" : std::string(line.key) + " ") + what
            );
        }
    }
    if (!rule.has_condition()) {
        return bad_line(
            file,
            block.number,
            "rule " + quoted(block.name) +
                " has no condition: it would hold "
                "for every reply"
        );
    }
    return rule;
}

}  // namespace

Result<std::vector<ReplyRule>> parse_rules(const std::string& file, std::string_view text) {
    const auto blocks = parse_blocks(file, text, "rule");
    if (!blocks) {
        return blocks.error();
    }
    std::vector<ReplyRule> rules;
    for (const DataBlock& block : *blocks) {
        auto rule = parse_rule(file, block);
        if (!rule) {
            return rule.error();
        }
        rules.push_back(std::move(*rule));
    }
    return rules;
}

}  // namespace mxpost::diagnose
