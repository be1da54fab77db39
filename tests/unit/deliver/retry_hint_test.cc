#include "deliver/retry_hint.h"

#include <gtest/gtest.h>

namespace mxpost::deliver {
namespace {

using namespace std::chrono_literals;

schedule::RetryHint hint(std::uint16_t code, const std::string& text) {
    mail::RecipientOutcome outcome(
        mail::OutcomeKind::deferred, mail::EnhancedStatus::parse_prefix(text), text
    );
    outcome.reply_code = code;
    return retry_hint(diagnose::RuleBook::shipped(), outcome);
}

TEST(RetryHint, HonoursTheDelayThatAGreylistingServerStates) {
    const auto stated = hint(451, "4.7.1 Greylisted, please try again in 300 seconds");
    EXPECT_TRUE(stated.is_greylisting);
    EXPECT_EQ(stated.stated, 300s);
    const auto silent =
        hint(450, "4.2.0 <bob@example.org>: Recipient address rejected: Greylisted");
    EXPECT_TRUE(silent.is_greylisting);
    EXPECT_EQ(silent.stated, std::nullopt);
    EXPECT_EQ(hint(451, "try again in 99999999999999999999999 s").stated, 365 * 24h);
}

TEST(RetryHint, OnlyTemporaryRepliesCanAskForPatience) {
    for (const std::uint16_t code : {std::uint16_t{0}, std::uint16_t{550}}) {
        const auto refused = hint(code, "greylisted for 60 seconds");
        EXPECT_FALSE(refused.is_greylisting);
        EXPECT_EQ(refused.stated, std::nullopt);
    }
}

TEST(RetryHint, BringsTheRulesDelaysAndEnd) {
    const auto listed = hint(554, "5.7.1 blocked using zen.spamhaus.org");
    EXPECT_EQ(listed.least, 1h);
    EXPECT_EQ(listed.give_up_after, 24h);
    const auto busy = hint(421, "4.3.2 busy, in 5 or 6 words");
    EXPECT_EQ(busy.least, 0s);
    EXPECT_EQ(busy.give_up_after, 0s);
    EXPECT_EQ(busy.stated, std::nullopt);
}

TEST(PendingRecipient, WithoutAnOutcomeWasNotTried) {
    spool::RecipientState state;
    const auto rules = diagnose::RuleBook::shipped();
    EXPECT_FALSE(pending_recipient(rules, state).is_tried);
    state.attempts = 3;
    state.last_time = WallTime(77s);
    state.last = mail::RecipientOutcome(mail::OutcomeKind::deferred, {4, 0, 0}, "later");
    const auto tried = pending_recipient(rules, state);
    EXPECT_TRUE(tried.is_tried);
    EXPECT_EQ(tried.attempts, 3U);
    EXPECT_EQ(tried.last_time, WallTime(77s));
}

}  // namespace
}  // namespace mxpost::deliver
