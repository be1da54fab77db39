#include "schedule/retry.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/fixed_random.h"

namespace mxpost::schedule {
namespace {

using namespace std::chrono_literals;
using mail::OutcomeKind;
using mail::RecipientOutcome;
using std::chrono::seconds;
using test::FixedRandom;

const WallTime kNow(seconds(1704110400));
const RetryPolicy kPolicy;

RecipientOutcome reply(std::uint16_t code, const std::string& text) {
    RecipientOutcome outcome(OutcomeKind::deferred, {}, text);
    outcome.reply_code = code;
    return outcome;
}

const RecipientOutcome kUnreachable(OutcomeKind::deferred, {4, 4, 1}, "connection refused");

TEST(RetryDelay, DoublesFromFiveMinutesToFourHours) {
    const std::vector<seconds> expected{5min, 10min, 20min, 40min, 80min, 160min, 4h, 4h};
    for (std::uint32_t attempts = 1; attempts <= expected.size(); ++attempts) {
        FixedRandom smallest{0};
        EXPECT_EQ(
            retry_delay(attempts, kPolicy, kUnreachable, smallest), expected[attempts - 1] * 3 / 4
        );
        // below(n + 1) of n is n: the largest.
        FixedRandom largest{static_cast<std::uint64_t>((expected[attempts - 1] / 2).count())};
        EXPECT_EQ(
            retry_delay(attempts, kPolicy, kUnreachable, largest), expected[attempts - 1] * 5 / 4
        );
    }
}

TEST(RetryDelay, StaysWithinBoundsForAnyNumberOfAttempts) {
    FixedRandom random{0};
    EXPECT_EQ(retry_delay(0, kPolicy, kUnreachable, random), 225s);
    EXPECT_EQ(retry_delay(UINT32_MAX, kPolicy, kUnreachable, random), 3h);
}

TEST(RetryDelay, NonsensePoliciesGiveADelay) {
    RetryPolicy policy;
    policy.first_delay = seconds::min();
    policy.max_delay = seconds::max();
    FixedRandom random{0};
    EXPECT_GE(retry_delay(1, policy, kUnreachable, random), 1s);
    EXPECT_LE(retry_delay(UINT32_MAX, policy, kUnreachable, random), 24h * 366);
    policy.max_delay = seconds(0);
    EXPECT_GE(retry_delay(9, policy, kUnreachable, random), 1s);
}

TEST(RetryDelay, HonoursTheDelayThatAGreylistingServerStates) {
    FixedRandom random{0};
    const auto outcome = reply(451, "4.7.1 Greylisted, please try again in 300 seconds");
    EXPECT_EQ(retry_delay(1, kPolicy, outcome, random), 305s);
    FixedRandom most{55};
    EXPECT_EQ(retry_delay(1, kPolicy, outcome, most), 360s);
}

TEST(RetryDelay, GreylistingWithoutATimeIsTriedAfterFiveMinutesThenAQuarter) {
    FixedRandom random{0};
    const auto outcome =
        reply(450, "4.2.0 <bob@example.org>: Recipient address rejected: Greylisted");
    EXPECT_EQ(retry_delay(1, kPolicy, outcome, random), 305s);
    EXPECT_EQ(retry_delay(2, kPolicy, outcome, random), 905s);
    EXPECT_EQ(retry_delay(6, kPolicy, outcome, random), 905s);
}

TEST(RetryDelay, AServerThatGreylistsForEverGetsTheOrdinaryDelays) {
    FixedRandom random{0};
    EXPECT_EQ(retry_delay(7, kPolicy, reply(451, "try again in 1 second"), random), 3h);
}

TEST(RetryDelay, StatedDelaysAreBounded) {
    FixedRandom random{0};
    EXPECT_EQ(retry_delay(1, kPolicy, reply(451, "try again in 1 second"), random), 65s);
    EXPECT_EQ(retry_delay(1, kPolicy, reply(451, "try again in 900 hours"), random), 4h + 5s);
    EXPECT_EQ(
        retry_delay(1, kPolicy, reply(451, "try again in 99999999999999999999999 s"), random),
        4h + 5s
    );
}

TEST(RetryDelay, OnlyTemporaryRepliesCanAskForPatience) {
    FixedRandom random{0};
    EXPECT_EQ(retry_delay(1, kPolicy, reply(0, "greylisted for 60 seconds"), random), 225s);
    EXPECT_EQ(retry_delay(1, kPolicy, reply(550, "greylisted for 60 seconds"), random), 225s);
}

TEST(StatedDelay, ReadsTheFormsThatServersUse) {
    EXPECT_EQ(stated_delay("Greylisted for 5 minutes"), 5min);
    EXPECT_EQ(stated_delay("please come back in 00:04:59"), 299s);
    EXPECT_EQ(stated_delay("Greylisting in action, retry in 4:59"), 299s);
    EXPECT_EQ(stated_delay("Try again in 300s"), 300s);
    EXPECT_EQ(stated_delay("TRY AGAIN AFTER 1 HOUR"), 1h);
    EXPECT_EQ(stated_delay("you must wait 120 secs before"), 120s);
    EXPECT_EQ(stated_delay("come back in at least 2 mins"), 2min);
}

TEST(StatedDelay, IsNotFoundInOtherNumbers) {
    EXPECT_EQ(stated_delay(""), std::nullopt);
    EXPECT_EQ(stated_delay("4.7.1 too many connections from 192.0.2.1"), std::nullopt);
    EXPECT_EQ(stated_delay("user 300 seconds it"), std::nullopt);
    EXPECT_EQ(stated_delay("in 300"), std::nullopt);
    EXPECT_EQ(stated_delay("in 300 parsecs"), std::nullopt);
    EXPECT_EQ(stated_delay("in 12:"), std::nullopt);
    EXPECT_EQ(stated_delay("in (300 seconds)"), std::nullopt);
}

PendingRecipient pending(std::uint32_t attempts, WallTime last_time) {
    return {attempts, last_time, &kUnreachable};
}

TEST(NextDue, IsTheEarliestRecipients) {
    FixedRandom random{0};
    const std::vector<PendingRecipient> recipients{pending(7, kNow), pending(1, kNow)};
    EXPECT_EQ(
        next_due(recipients, kNow - 1h, false, kNow, kPolicy, random), to_seconds(kNow + 225s)
    );
}

TEST(NextDue, AnUntriedRecipientIsDueNow) {
    FixedRandom random{0};
    const std::vector<PendingRecipient> recipients{pending(7, kNow), PendingRecipient()};
    EXPECT_EQ(next_due(recipients, kNow - 1h, false, kNow, kPolicy, random), to_seconds(kNow));
}

TEST(NextDue, IsNotLaterThanWarningAndEndOfLife) {
    FixedRandom random{0};
    const std::vector<PendingRecipient> recipients{pending(9, kNow)};
    EXPECT_EQ(next_due(recipients, kNow - 3h, true, kNow, kPolicy, random), to_seconds(kNow + 1h));
    EXPECT_EQ(next_due(recipients, kNow - 3h, false, kNow, kPolicy, random), to_seconds(kNow + 3h));
    EXPECT_EQ(
        next_due(recipients, kNow - 119h, false, kNow, kPolicy, random), to_seconds(kNow + 1h)
    );
}

TEST(NextDue, WhatIsPastDoesNotWakeTheEngineForEver) {
    FixedRandom random{0};
    const std::vector<PendingRecipient> recipients{pending(9, kNow)};
    EXPECT_EQ(
        next_due(recipients, kNow - 200h, true, kNow, kPolicy, random), to_seconds(kNow + 3h)
    );
}

TEST(NextDue, ALastAttemptInTheFutureCountsAsNow) {
    FixedRandom random{0};
    const std::vector<PendingRecipient> recipients{pending(1, kNow + 24h * 365)};
    EXPECT_EQ(
        next_due(recipients, kNow + 24h * 365, true, kNow, kPolicy, random), to_seconds(kNow + 225s)
    );
}

TEST(NextDue, SurvivesTheExtremesOfTime) {
    FixedRandom random{0};
    for (const WallTime time : {WallTime::min(), WallTime::max()}) {
        const std::vector<PendingRecipient> recipients{pending(1, time)};
        const auto due = next_due(recipients, time, true, kNow, kPolicy, random);
        EXPECT_GE(due, to_seconds(kNow));
        EXPECT_LE(due, to_seconds(kNow + 5h));
    }
}

TEST(NextDue, AtTheDueTimeTheRecipientIsDue) {
    FixedRandom random{0};
    const WallTime last_time = kNow + 999999us;
    const PendingRecipient recipient = pending(1, last_time);
    const std::vector<PendingRecipient> recipients{recipient};
    const auto due = next_due(recipients, kNow, false, last_time, kPolicy, random);
    EXPECT_TRUE(is_due(recipient, WallTime(due), kPolicy));
}

TEST(IsDue, OthersOfTheMessageWaitForTheirOwnTime) {
    EXPECT_FALSE(is_due(pending(7, kNow), kNow + 10min, kPolicy));
    EXPECT_TRUE(is_due(pending(1, kNow), kNow + 10min, kPolicy));
    EXPECT_TRUE(is_due(pending(7, kNow), kNow + 3h, kPolicy));
    EXPECT_TRUE(is_due(PendingRecipient(), kNow, kPolicy));
}

TEST(IsDue, AGreylistingServerIsNotAskedEarlier) {
    const auto outcome = reply(451, "greylisted, try again in 300 seconds");
    const PendingRecipient recipient(1, kNow, &outcome);
    EXPECT_FALSE(is_due(recipient, kNow + 299s, kPolicy));
    EXPECT_TRUE(is_due(recipient, kNow + 300s, kPolicy));
}

TEST(IsDue, ALastAttemptInTheFutureIsDue) {
    EXPECT_TRUE(is_due(pending(7, kNow + 1s), kNow, kPolicy));
    EXPECT_TRUE(is_due(pending(7, WallTime::max()), kNow, kPolicy));
}

TEST(IsExpired, AfterTheLifetime) {
    EXPECT_FALSE(is_expired(kNow, kNow + 120h - 1us, kPolicy));
    EXPECT_TRUE(is_expired(kNow, kNow + 120h, kPolicy));
    EXPECT_TRUE(is_expired(WallTime::min(), kNow, kPolicy));
}

TEST(IsExpired, NotWhenTheArrivalIsInTheFuture) {
    EXPECT_FALSE(is_expired(kNow + 1s, kNow, kPolicy));
    EXPECT_FALSE(is_expired(WallTime::max(), kNow, kPolicy));
}

TEST(IsExpired, AClockThatJumpsAheadLeavesAFewAttempts) {
    EXPECT_FALSE(is_expired(kNow, kNow + 24h * 365, kPolicy, 4));
    EXPECT_TRUE(is_expired(kNow, kNow + 24h * 365, kPolicy, 5));
}

TEST(IsExpired, AMessageFromTheFutureIsNotKeptForEver) {
    EXPECT_FALSE(is_expired(kNow + 24h * 365, kNow, kPolicy, 30));
    EXPECT_TRUE(is_expired(kNow + 24h * 365, kNow, kPolicy, 100));
}

TEST(IsExpired, AShortLifetimeNeedsOneAttemptOnly) {
    RetryPolicy policy;
    policy.lifetime = 1min;
    EXPECT_TRUE(is_expired(kNow, kNow + 1min, policy, 1));
    EXPECT_FALSE(is_expired(kNow, kNow + 1min, policy, 0));
}

TEST(IsWarningDue, AfterFourHoursUnlessSwitchedOff) {
    EXPECT_FALSE(is_warning_due(kNow, kNow + 4h - 1us, kPolicy));
    EXPECT_TRUE(is_warning_due(kNow, kNow + 4h, kPolicy));
    RetryPolicy policy;
    policy.warning = 0s;
    EXPECT_FALSE(is_warning_due(kNow, kNow + 100h, policy));
}

TEST(IsImplausibleDue, FurtherAheadThanAnyDelay) {
    FixedRandom largest{7200};
    const seconds delay = retry_delay(9, kPolicy, kUnreachable, largest);
    ASSERT_EQ(delay, 5h);
    EXPECT_FALSE(is_implausible_due(to_seconds(kNow + delay), kNow, kPolicy));
    EXPECT_TRUE(is_implausible_due(to_seconds(kNow + 6h), kNow, kPolicy));
    EXPECT_FALSE(is_implausible_due(to_seconds(kNow - 24h * 365), kNow, kPolicy));
}

}  // namespace
}  // namespace mxpost::schedule
