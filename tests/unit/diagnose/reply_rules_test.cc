#include "diagnose/reply_rules.h"

#include <gtest/gtest.h>

#include "diagnose/shipped.h"
#include "diagnose_test.h"

namespace mxpost::diagnose {
namespace {

using namespace std::chrono_literals;
using mail::OutcomeKind;
using mail::Step;

RuleBook book(std::string_view text) {
    auto made = RuleBook::make("f", text);
    EXPECT_TRUE(made) << made.error().message();
    return std::move(*made);
}

std::string problem(std::string_view text) {
    const auto made = RuleBook::make("/etc/mxpost/replies", text);
    return made ? std::string() : made.error().message();
}

TEST(ShippedRules, AreReadWithoutAComplaint) {
    const auto rules = parse_rules("replies", kShippedReplies);
    ASSERT_TRUE(rules) << rules.error().message();
    EXPECT_GT(rules->size(), 40U);
}

TEST(ShippedRules, KeepWhatTheJournalForgetsOutOfRetries) {
    const auto rules = parse_rules("replies", kShippedReplies);
    for (const ReplyRule& rule : *rules) {
        const Ruling& ruling = rule.ruling;
        const bool is_about_retries = ruling.kind || ruling.is_greylisting || ruling.is_as_stated ||
                                      ruling.give_up > 0s || ruling.least_delay() > 0s;
        EXPECT_FALSE(is_about_retries && (!rule.steps.empty() || rule.has_accepted)) << rule.name;
    }
}

TEST(ShippedRules, TryARefusalAgainForAWhileOnly) {
    const auto rules = parse_rules("replies", kShippedReplies);
    for (const ReplyRule& rule : *rules) {
        EXPECT_TRUE(rule.ruling.kind != OutcomeKind::deferred || rule.ruling.give_up > 0s)
            << rule.name;
    }
}

TEST(RuleBook, TheAdministratorsRulesComeFirst) {
    const auto outcome = outcome_of("554 5.7.1 blocked using zen.spamhaus.org");
    EXPECT_EQ(RuleBook::shipped().rule(outcome).rule, "block-list");
    const RuleBook rules =
        book("rule mine\n code 554\n text spamhaus\n scope message\n notice Mine\n");
    EXPECT_EQ(rules.rule(outcome).rule, "mine");
    EXPECT_EQ(rules.rule(outcome).kind, std::nullopt);
    EXPECT_EQ(rules.rule(outcome).notice, "Mine");
    EXPECT_EQ(rules.rule(outcome_of("554 blocked using b.example")).rule, "block-list");
    EXPECT_EQ(rules.size(), RuleBook::shipped().size() + 1);
}

TEST(RuleBook, ARuleOfTheSameNameTakesTheShippedOnesPlace) {
    const RuleBook rules = book("rule block-list\n code 554\n text spamhaus\n scope message\n");
    EXPECT_EQ(rules.rule(outcome_of("554 blocked using b.example")).rule, "");
    EXPECT_EQ(rules.size(), RuleBook::shipped().size());
}

TEST(RuleBook, TheFirstMatchWins) {
    const RuleBook rules = book("rule a\n code 5xx\n scope site\nrule b\n code 550\n scope site\n");
    EXPECT_EQ(rules.rule(outcome_of("550 no")).rule, "a");
}

TEST(RuleBook, AllConditionsMustHold) {
    const RuleBook rules = book(
        "rule all\n host .example.org mx.example.net\n step mail recipient\n code 45x\n"
        " status 4.x.1\n text one\n text two\n family ipv6\n accepted some\n scope site\n"
    );
    auto outcome = outcome_of("451 4.3.1 it is TWO", Step::mail, "mx.example.net");
    outcome.remote_address = "2001:db8::1";
    EXPECT_EQ(rules.rule(outcome, 1).rule, "all");
    EXPECT_EQ(rules.rule(outcome, 0).rule, "");
    EXPECT_EQ(rules.rule(outcome).rule, "");
    auto other = outcome;
    other.remote_address = "192.0.2.1";
    EXPECT_EQ(rules.rule(other, 1).rule, "");
    other = outcome;
    other.step = Step::none;
    EXPECT_EQ(rules.rule(other, 1).rule, "");
    other = outcome;
    other.remote_host = "mx.example.com";
    EXPECT_EQ(rules.rule(other, 1).rule, "");
    other = outcome;
    other.text = "4.3.1 three";
    EXPECT_EQ(rules.rule(other, 1).rule, "");
    other = outcome;
    other.reply_code = 461;
    EXPECT_EQ(rules.rule(other, 1).rule, "");
    other = outcome;
    other.status.detail = 2;
    EXPECT_EQ(rules.rule(other, 1).rule, "");
}

TEST(RuleBook, AStatusThatIsMissingMatchesNoPattern) {
    const RuleBook rules = book("rule any\n status x.x.x\n scope site\n");
    EXPECT_EQ(rules.rule(outcome_of("550 no")).rule, "");
    EXPECT_EQ(rules.rule(outcome_of("550 5.7.1 no")).rule, "any");
}

TEST(RuleBook, OnlyServersRepliesAreLookedUp) {
    const mail::RecipientOutcome ours(
        OutcomeKind::deferred, {4, 4, 1}, "greylisted, blocked using spamhaus"
    );
    EXPECT_EQ(RuleBook::shipped().rule(ours).rule, "");
    mail::RecipientOutcome taken(OutcomeKind::delivered, {2, 0, 0}, "spamhaus");
    taken.reply_code = 250;
    EXPECT_EQ(RuleBook::shipped().rule(taken).rule, "");
}

TEST(RuleBook, DeferringIsForRefusals) {
    const RuleBook rules =
        book("rule a\n code 4xx 5xx\n text grumble\n scope site\n kind defer\n give-up 1h\n");
    const Ruling refused = rules.rule(outcome_of("550 grumble"));
    EXPECT_EQ(refused.kind, OutcomeKind::deferred);
    EXPECT_EQ(refused.give_up, 1h);
    const Ruling later = rules.rule(outcome_of("450 grumble"));
    EXPECT_EQ(later.rule, "a");
    EXPECT_EQ(later.kind, std::nullopt);
    EXPECT_EQ(later.give_up, 0s);
}

TEST(RuleBook, TooManyRecipientsAreWhatComesAfterSome) {
    const RuleBook rules = RuleBook::shipped();
    const auto full = outcome_of("452 4.3.1 Insufficient system storage", Step::recipient);
    EXPECT_FALSE(rules.rule(full, 0).is_too_many_recipients);
    EXPECT_TRUE(rules.rule(full, 3).is_too_many_recipients);
    const auto old = outcome_of("552 Too much", Step::recipient);
    EXPECT_TRUE(rules.rule(old, 3).is_too_many_recipients);
    EXPECT_EQ(rules.rule(old, 3).kind, OutcomeKind::deferred);
    EXPECT_EQ(rules.rule(outcome_of("552 Too big", Step::content), 3).kind, std::nullopt);
}

TEST(RuleBook, EveryWordOfARuleArrives) {
    const RuleBook rules = book(
        "rule a\n code 4xx\n text everything\n scope sender-domain\n kind fail\n retry 1m\n"
        " greylisting\n give-up 2m\n suspend 3m\n slow\n"
        " limits sessions=1, messages=2 recipients=3 rate=4/5m for=6m\n other-family 7m\n"
        " next-host\n reconnect\n require-tls\n too-many-recipients\n notice Do it # not this\n"
    );
    const Ruling ruling = rules.rule(outcome_of("450 everything"));
    EXPECT_EQ(ruling.scope, Scope::sender_domain);
    EXPECT_EQ(ruling.kind, OutcomeKind::failed);
    EXPECT_EQ(ruling.retry, 1min);
    EXPECT_TRUE(ruling.is_greylisting);
    EXPECT_FALSE(ruling.is_as_stated);
    EXPECT_EQ(ruling.give_up, 2min);
    EXPECT_EQ(ruling.suspend, 3min);
    EXPECT_TRUE(ruling.is_slow_down);
    ASSERT_TRUE(ruling.limits);
    EXPECT_EQ(ruling.limits->limits.max_sessions, 1U);
    EXPECT_EQ(ruling.limits->limits.messages_per_session, 2U);
    EXPECT_EQ(ruling.limits->limits.recipients_per_transaction, 3U);
    EXPECT_EQ(ruling.limits->limits.rate, (Rate{4, 5min}));
    EXPECT_EQ(ruling.limits->duration, 6min);
    EXPECT_EQ(ruling.other_family, 7min);
    EXPECT_TRUE(
        ruling.is_next_host && ruling.is_reconnect && ruling.is_tls_required &&
        ruling.is_too_many_recipients
    );
    EXPECT_EQ(ruling.notice, "Do it");
    const RuleBook stated = book("rule a\n code 4xx\n says-when\n scope site\n retry as-stated\n");
    EXPECT_TRUE(stated.rule(outcome_of("450 in 5 minutes")).is_as_stated);
    EXPECT_EQ(stated.rule(outcome_of("450 later")).rule, "");
}

TEST(ParseRules, ErrorsHaveFileAndLine) {
    const std::string file = "/etc/mxpost/replies:";
    const std::string head = "rule a\n code 5xx\n scope site\n ";
    EXPECT_EQ(
        problem("rule a\n scope site\n"),
        file +
            "1: rule \"a\" has no condition: it would "
            "hold for every reply"
    );
    EXPECT_EQ(problem(head + "suspnd 2h"), file + "4: \"suspnd\" is no word of a rule");
    EXPECT_EQ(problem(head + "code 4xx"), file + "4: the rule has a \"code\" line already");
    EXPECT_EQ(
        problem(head + "suspend 2"),
        file + "4: suspend must be a duration such as 90s, 30m, 2h or 1d, not \"2\""
    );
    EXPECT_EQ(problem(head + "slow very"), file + "4: slow stands alone, without \"very\"");
    EXPECT_EQ(
        problem(head + "kind bounce"), file + "4: kind must be defer or fail, not \"bounce\""
    );
    EXPECT_EQ(
        problem("rule a\n code 6xx\n scope site"),
        file + "2: code must be such as 550, 55x or 5xx, not \"6xx\""
    );
    EXPECT_EQ(
        problem(head + "status 5.7"),
        file + "4: status must be such as 4.7.1, x.7.28 or 5.7.x, not \"5.7\""
    );
    EXPECT_EQ(problem(head + "text *"), file + "4: text needs words to look for");
    EXPECT_EQ(
        problem(head + "limits sessions=1"), file + "4: limits needs a limit and for=DURATION"
    );
    EXPECT_EQ(
        problem(head + "limits speed=1 for=1m"),
        file + "4: limits knows sessions=, messages=, recipients=, rate= and for=, not \"speed=1\""
    );
    EXPECT_EQ(
        problem(head + "notice"),
        file +
            "4: notice must be a sentence without control "
            "characters"
    );
}

// Nothing is done because of it.
TEST(ParseRules, NobodyHasToNameAScope) {
    const RuleBook rules = book("rule a\n code 5xx\n kind defer\n");
    EXPECT_EQ(rules.rule(outcome_of("550 no")).rule, "a");
    EXPECT_EQ(rules.rule(outcome_of("550 no")).kind, mail::OutcomeKind::deferred);
}

TEST(ParseRules, RefusesNonsense) {
    const std::string head = "rule a\n code 5xx\n scope site\n ";
    for (const char* const line :
         {"step",
          "step none",
          "step helo",
          "status",
          "status 2.1.1",
          "status 5.7.1.2",
          "status 5.7.1000",
          "status 5.-1.1",
          "family ipv5",
          "accepted all",
          "retry soon",
          "retry 0s",
          "give-up",
          "limits",
          "limits for=1m",
          "limits sessions for=1m",
          "limits sessions=1 for=",
          "other-family",
          "host",
          "host *.example.com",
          "notice \x1b[2J",
          "next-host 1",
          "says-when now",
          "limits rate=1 for=1m"}) {
        EXPECT_NE(problem(head + line), "") << line;
    }
    for (const char* const code : {"", "5", "5x0", "55", "5xxx", "550 abc", "x50"}) {
        EXPECT_NE(problem("rule a\n scope site\n code " + std::string(code)), "") << code;
    }
    EXPECT_NE(problem("rule a\n code 5xx\n scope everything"), "");
}

}  // namespace
}  // namespace mxpost::diagnose
