#include "schedule/retry.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/fixed_random.h"

namespace mxpost::schedule {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;
using test::FixedRandom;

const WallTime kNow(seconds(1704110400));
const RetryPolicy kPolicy;

const RetryHint kUnreachable;

RetryHint stated(seconds delay) {
    RetryHint hint;
    hint.stated = delay;
    return hint;
}

RetryHint greylisting() {
    RetryHint hint;
    hint.is_greylisting = true;
    return hint;
}

RetryHint least(seconds delay) {
    RetryHint hint;
    hint.least = delay;
    return hint;
}

RetryHint give_up_after(seconds age) {
    RetryHint hint;
    hint.give_up_after = age;
    return hint;
}

/// below(bound) of it is bound - 1: the first number that is not in the incomplete last range.
class LargestRandom final : public Random {
public:
    std::uint64_t bits() override { return next_--; }

private:
    std::uint64_t next_ = UINT64_MAX;
};

seconds shortest_delay(std::uint32_t attempts, const RetryPolicy& policy, const RetryHint& hint) {
    FixedRandom random{0};
    return retry_delay(attempts, policy, hint, random);
}

seconds longest_delay(std::uint32_t attempts, const RetryPolicy& policy, const RetryHint& hint) {
    LargestRandom random;
    return retry_delay(attempts, policy, hint, random);
}

TEST(RetryDelay, DoublesFromFiveMinutesToFourHours) {
    const std::vector<seconds> expected{5min, 10min, 20min, 40min, 80min, 160min, 4h, 4h};
    for (std::uint32_t attempts = 1; attempts <= expected.size(); ++attempts) {
        const seconds delay = expected[attempts - 1];
        EXPECT_EQ(
            shortest_delay(attempts, kPolicy, kUnreachable), std::max<seconds>(delay * 3 / 4, 5min)
        );
        EXPECT_EQ(
            longest_delay(attempts, kPolicy, kUnreachable), std::min<seconds>(delay * 5 / 4, 4h)
        );
    }
}

TEST(RetryDelay, StaysWithinBoundsForAnyNumberOfAttempts) {
    FixedRandom random{0};
    EXPECT_EQ(retry_delay(0, kPolicy, kUnreachable, random), 5min);
    EXPECT_EQ(retry_delay(UINT32_MAX, kPolicy, kUnreachable, random), 3h);
}

/// What mxpost.conf(5) promises of retry-min and retry-max.
TEST(RetryDelay, IsNeverShorterThanTheFirstNorLongerThanTheLongest) {
    for (const auto& [first, most] : std::vector<std::pair<seconds, seconds>>{
             {5min, 4h}, {1min, 65s}, {3h, 4h}, {4h, 4h}, {1s, 2s}, {1s, 1s}, {7s, 24h}}) {
        RetryPolicy policy;
        policy.first_delay = first;
        policy.max_delay = most;
        for (std::uint32_t attempts = 1; attempts < 20; ++attempts) {
            for (const RetryHint& hint : {kUnreachable, least(1h), least(most), least(100h)}) {
                EXPECT_GE(shortest_delay(attempts, policy, hint), first);
                EXPECT_LE(longest_delay(attempts, policy, hint), most);
            }
            EXPECT_GE(shortest_delay(attempts, policy, stated(100h)), first);
            EXPECT_LE(longest_delay(attempts, policy, stated(100h)), most);
            EXPECT_LE(longest_delay(attempts, policy, stated(most)), most);
            EXPECT_LE(longest_delay(attempts, policy, greylisting()), most);
        }
    }
}

TEST(RetryDelay, ABurstDoesNotComeBackAsOne) {
    RetryPolicy contradictory;
    contradictory.first_delay = 4h;
    contradictory.max_delay = 1h;
    for (const RetryPolicy& policy : {kPolicy, contradictory}) {
        for (std::uint32_t attempts = 1; attempts < 20; ++attempts) {
            for (const RetryHint& hint : {kUnreachable, least(100h), stated(100h)}) {
                const seconds spread =
                    longest_delay(attempts, policy, hint) - shortest_delay(attempts, policy, hint);
                EXPECT_GE(spread, hint.stated ? 55s : 60s) << attempts;
            }
        }
    }
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
    EXPECT_EQ(retry_delay(1, kPolicy, stated(300s), random), 305s);
    FixedRandom most{55};
    EXPECT_EQ(retry_delay(1, kPolicy, stated(300s), most), 360s);
}

TEST(RetryDelay, GreylistingWithoutATimeIsTriedAfterFiveMinutesThenAQuarter) {
    FixedRandom random{0};
    EXPECT_EQ(retry_delay(1, kPolicy, greylisting(), random), 305s);
    EXPECT_EQ(retry_delay(2, kPolicy, greylisting(), random), 905s);
    EXPECT_EQ(retry_delay(6, kPolicy, greylisting(), random), 905s);
}

TEST(RetryDelay, AServerThatGreylistsForEverGetsTheOrdinaryDelays) {
    FixedRandom random{0};
    EXPECT_EQ(retry_delay(7, kPolicy, stated(1s), random), 3h);
}

TEST(RetryDelay, StatedDelaysAreBounded) {
    FixedRandom random{0};
    EXPECT_EQ(retry_delay(1, kPolicy, stated(1s), random), 65s);
    EXPECT_EQ(retry_delay(1, kPolicy, stated(seconds::min()), random), 65s);
    EXPECT_EQ(retry_delay(1, kPolicy, stated(4h), random), 4h);
    for (const seconds delay : {seconds(900h), seconds::max()}) {
        EXPECT_EQ(retry_delay(1, kPolicy, stated(delay), random), 4h - 55s);
        EXPECT_EQ(longest_delay(1, kPolicy, stated(delay)), 4h);
    }
}

TEST(RetryDelay, IsNoShorterThanTheReplyAsksFor) {
    FixedRandom random{0};
    EXPECT_EQ(retry_delay(1, kPolicy, least(2h), random), 2h);
    FixedRandom most{1800};
    EXPECT_EQ(retry_delay(1, kPolicy, least(2h), most), 150min);
    EXPECT_EQ(retry_delay(9, kPolicy, least(2h), random), 3h);
    EXPECT_EQ(retry_delay(1, kPolicy, least(4h), random), 4h);
    EXPECT_EQ(retry_delay(1, kPolicy, least(6h), random), 4h - 1min);
    EXPECT_EQ(retry_delay(1, kPolicy, least(seconds::max()), random), 4h - 1min);
    EXPECT_EQ(retry_delay(1, kPolicy, least(seconds::min()), random), 5min);
    RetryHint both = stated(300s);
    both.least = 1h;
    EXPECT_EQ(retry_delay(1, kPolicy, both, random), 1h + 5s);
}

PendingRecipient pending(std::uint32_t attempts, WallTime last_time) {
    return {attempts, last_time, kUnreachable};
}

TEST(NextDue, IsTheEarliestRecipients) {
    FixedRandom random{0};
    const std::vector<PendingRecipient> recipients{pending(7, kNow), pending(1, kNow)};
    EXPECT_EQ(
        next_due(recipients, kNow - 1h, false, kNow, kPolicy, random), to_seconds(kNow + 5min)
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

TEST(NextDue, IsNotLaterThanTheEndOfARecipientGivenUpEarly) {
    FixedRandom random{0};
    const std::vector<PendingRecipient> recipients{
        pending(9, kNow), PendingRecipient(9, kNow, give_up_after(24h))};
    EXPECT_EQ(
        next_due(recipients, kNow - 23h, false, kNow, kPolicy, random), to_seconds(kNow + 1h)
    );
    EXPECT_EQ(
        next_due(recipients, kNow - 25h, false, kNow, kPolicy, random), to_seconds(kNow + 3h)
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
        next_due(recipients, kNow + 24h * 365, true, kNow, kPolicy, random), to_seconds(kNow + 5min)
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
    const PendingRecipient recipient(1, kNow, stated(300s));
    EXPECT_FALSE(is_due(recipient, kNow + 299s, kPolicy));
    EXPECT_TRUE(is_due(recipient, kNow + 300s, kPolicy));
}

TEST(IsDue, NobodyIsTriedBeforeTheLeastDelay) {
    const PendingRecipient recipient(1, kNow, least(2h));
    EXPECT_FALSE(is_due(recipient, kNow + 2h - 1s, kPolicy));
    EXPECT_TRUE(is_due(recipient, kNow + 2h, kPolicy));
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
    EXPECT_FALSE(is_expired(kNow, kNow + 24h * 365, kPolicy, pending(4, kNow)));
    EXPECT_TRUE(is_expired(kNow, kNow + 24h * 365, kPolicy, pending(5, kNow)));
}

TEST(IsExpired, AMessageFromTheFutureIsNotKeptForEver) {
    EXPECT_FALSE(is_expired(kNow + 24h * 365, kNow, kPolicy, pending(30, kNow)));
    EXPECT_TRUE(is_expired(kNow + 24h * 365, kNow, kPolicy, pending(100, kNow)));
}

TEST(IsExpired, AShortLifetimeNeedsOneAttemptOnly) {
    RetryPolicy policy;
    policy.lifetime = 1min;
    EXPECT_TRUE(is_expired(kNow, kNow + 1min, policy, pending(1, kNow)));
    EXPECT_FALSE(is_expired(kNow, kNow + 1min, policy, pending(0, kNow)));
}

TEST(IsExpired, ARecipientMayBeGivenUpEarly) {
    const PendingRecipient recipient(5, kNow, give_up_after(24h));
    EXPECT_FALSE(is_expired(kNow, kNow + 24h - 1us, kPolicy, recipient));
    EXPECT_TRUE(is_expired(kNow, kNow + 24h, kPolicy, recipient));
    EXPECT_FALSE(is_expired(kNow, kNow + 24h, kPolicy, pending(5, kNow)));
    EXPECT_FALSE(
        is_expired(kNow, kNow + 24h, kPolicy, PendingRecipient(4, kNow, give_up_after(24h)))
    );
    EXPECT_TRUE(
        is_expired(kNow, kNow + 120h, kPolicy, PendingRecipient(5, kNow, give_up_after(2400h)))
    );
}

TEST(IsWarningDue, AfterFourHoursUnlessSwitchedOff) {
    EXPECT_FALSE(is_warning_due(kNow, kNow + 4h - 1us, kPolicy));
    EXPECT_TRUE(is_warning_due(kNow, kNow + 4h, kPolicy));
    RetryPolicy policy;
    policy.warning = 0s;
    EXPECT_FALSE(is_warning_due(kNow, kNow + 100h, policy));
}

TEST(IsImplausibleDue, FurtherAheadThanAnyDelay) {
    const seconds delay = longest_delay(9, kPolicy, kUnreachable);
    EXPECT_FALSE(is_implausible_due(to_seconds(kNow + delay), kNow, kPolicy));
    EXPECT_FALSE(is_implausible_due(to_seconds(kNow + delay), kNow - 1h, kPolicy));
    EXPECT_TRUE(is_implausible_due(to_seconds(kNow + 6h), kNow, kPolicy));
    EXPECT_FALSE(is_implausible_due(to_seconds(kNow - 24h * 365), kNow, kPolicy));
}

}  // namespace
}  // namespace mxpost::schedule
