#include "diagnose/reply_rules.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "diagnose/rfc_ruling.h"
#include "diagnose/shipped.h"
#include "diagnose/stated_delay.h"

namespace mxpost::diagnose {
namespace {

/// What rules look at, worked out once for all of them.
struct Question {
    const mail::RecipientOutcome& outcome;
    mail::EnhancedStatus status;
    std::string text;
    bool is_ipv6 = false;
    std::optional<std::size_t> accepted;
};

/// True without patterns, too.
template <class Patterns, class Matches>
bool any_or_none(const Patterns& patterns, Matches matches) {
    return patterns.empty() || std::ranges::any_of(patterns, matches);
}

/// What costs little comes first: most rules fail at the code.
bool matches(const ReplyRule& rule, const Question& question) {
    const mail::RecipientOutcome& outcome = question.outcome;
    const bool is_reply_like =
        any_or_none(
            rule.codes,
            [&](const CodePattern& code) {
                return outcome.reply_code >= code.low && outcome.reply_code <= code.high;
            }
        ) &&
        any_or_none(
            rule.statuses,
            [&](const StatusPattern& status) { return status.matches(question.status); }
        ) &&
        any_or_none(rule.steps, [&](mail::Step step) { return outcome.step == step; });
    if (!is_reply_like) {
        return false;
    }
    if (rule.is_ipv6 && (outcome.remote_address.empty() || *rule.is_ipv6 != question.is_ipv6)) {
        return false;
    }
    if (rule.has_accepted &&
        (!question.accepted || (*question.accepted > 0) != *rule.has_accepted)) {
        return false;
    }
    if (rule.hosts && !rule.hosts->contains(outcome.remote_host)) {
        return false;
    }
    return any_or_none(
               rule.texts, [&](const TextPattern& pattern) { return pattern.is_in(question.text); }
           ) &&
           (!rule.is_delay_stated || stated_delay(outcome.text).has_value());
}

}  // namespace

bool StatusPattern::matches(const mail::EnhancedStatus& status) const {
    return status.klass != 0 && (!klass || *klass == status.klass) &&
           (!subject || *subject == status.subject) && (!detail || *detail == status.detail);
}

bool ReplyRule::has_condition() const {
    return hosts || !steps.empty() || !codes.empty() || !statuses.empty() || !texts.empty() ||
           is_ipv6 || has_accepted || is_delay_stated;
}

RuleBook RuleBook::shipped() {
    auto rules = parse_rules("replies", kShippedReplies);
    if (!rules) {
        throw std::logic_error(rules.error().message());  // a test sees to it that it doesn't
    }
    return RuleBook(std::move(*rules));
}

Result<RuleBook> RuleBook::make(const std::string& file, std::string_view text) {
    auto parsed = parse_rules(file, text);
    if (!parsed) {
        return parsed.error();
    }
    std::vector<ReplyRule> rules = std::move(*parsed);
    std::unordered_set<std::string> names;
    for (const ReplyRule& rule : rules) {
        names.insert(rule.name);
    }
    for (ReplyRule& rule : shipped().rules_) {
        if (!names.contains(rule.name)) {
            rules.push_back(std::move(rule));
        }
    }
    return RuleBook(std::move(rules));
}

Ruling RuleBook::rule(const mail::RecipientOutcome& outcome, std::optional<std::size_t> accepted)
    const {
    if (outcome.kind == mail::OutcomeKind::delivered || outcome.reply_code == 0) {
        return rfc_ruling(outcome, accepted);
    }
    const Question question{
        outcome,
        stated_status(outcome),
        search_form(outcome.text),
        outcome.remote_address.find(':') != std::string::npos,
        accepted};
    const auto found = std::ranges::find_if(rules_, [&](const ReplyRule& rule) {
        return matches(rule, question);
    });
    if (found == rules_.end()) {
        return rfc_ruling(outcome, accepted);
    }
    Ruling ruling = found->ruling;
    ruling.rule = found->name;
    ruling.notice = found->notice;
    if (ruling.kind == mail::OutcomeKind::deferred && outcome.reply_code < 500) {
        // It says "tried again, for so long, although it is a refusal": this reply is none.
        ruling.kind.reset();
        ruling.give_up = {};
    }
    return ruling;
}

}  // namespace mxpost::diagnose
