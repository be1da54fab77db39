#include "schedule/site_control.h"

#include <gtest/gtest.h>

#include "support/fixed_random.h"

namespace mxpost::schedule {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class SiteControlTest : public testing::Test {
protected:
    SiteControl control_{SitePolicy()};
    SteadyTime now_{hours(1)};
    test::FixedRandom random_;
    mail::RecipientOutcome down_{mail::OutcomeKind::deferred, {4, 4, 1}, "timed out"};
};

TEST_F(SiteControlTest, BeginsWithTwoSessionsAndGrowsByOneForEachMessageTaken) {
    EXPECT_EQ(control_.sessions(now_), 2U);
    control_.delivered(now_);
    EXPECT_EQ(control_.sessions(now_), 3U);
    for (int i = 0; i < 100; ++i) {
        control_.delivered(now_);
    }
    EXPECT_EQ(control_.sessions(now_), 10U);
}

TEST_F(SiteControlTest, TooMuchHalvesTheSessionsOnceAndThenGrowsSlowly) {
    for (int i = 0; i < 20; ++i) {
        control_.delivered(now_);
    }
    control_.slowed(now_);
    control_.slowed(now_ + seconds(1));  // the same sign, from another session
    EXPECT_EQ(control_.sessions(now_), 5U);
    control_.delivered(now_ + seconds(2));
    EXPECT_EQ(control_.sessions(now_), 5U);
    now_ += minutes(1);
    for (int i = 0; i < 4; ++i) {
        control_.delivered(now_);
    }
    EXPECT_EQ(control_.sessions(now_), 5U);
    control_.delivered(now_);
    EXPECT_EQ(control_.sessions(now_), 6U);
}

TEST_F(SiteControlTest, ARefusedSessionLeavesNoMoreThanThoseThatStand) {
    for (int i = 0; i < 20; ++i) {
        control_.delivered(now_);
    }
    control_.crowded(3, now_);
    EXPECT_EQ(control_.sessions(now_), 3U);
    control_.crowded(2, now_);  // at the same moment: a sign of its own
    EXPECT_EQ(control_.sessions(now_), 2U);
    control_.crowded(9, now_);
    control_.delivered(now_ + seconds(2));
    EXPECT_EQ(control_.sessions(now_), 2U);
    now_ += minutes(1);
    for (int i = 0; i < 2; ++i) {
        control_.delivered(now_);
    }
    EXPECT_EQ(control_.sessions(now_), 3U);
}

TEST_F(SiteControlTest, NeverLessThanOneSession) {
    for (int i = 0; i < 10; ++i) {
        control_.slowed(now_);
        now_ += minutes(1);
    }
    EXPECT_EQ(control_.sessions(now_), 1U);
}

TEST_F(SiteControlTest, ASiteThatCanNotBeReachedRestsLongerEachTimeAndIsTriedByOne) {
    seconds before{0};
    for (int i = 0; i < 8; ++i) {
        control_.unreachable(down_, now_, random_);
        const auto until = control_.resting_until(now_);
        ASSERT_TRUE(until);
        EXPECT_EQ(control_.sessions(now_), 0U);
        EXPECT_EQ(control_.reason().text, "timed out");
        const auto rest = std::chrono::duration_cast<seconds>(*until - now_);
        EXPECT_GE(rest, before - before / 4);
        EXPECT_LE(rest, minutes(30));
        before = rest;
        now_ = *until;
        EXPECT_EQ(control_.resting_until(now_), std::nullopt);
        EXPECT_EQ(control_.sessions(now_), 1U);  // the probe
    }
    control_.reached();
    EXPECT_EQ(control_.sessions(now_), 1U);  // it has yet to take a message
    control_.delivered(now_);
    EXPECT_EQ(control_.sessions(now_), 3U);
    control_.unreachable(down_, now_, random_);
    EXPECT_LE(*control_.resting_until(now_) - now_, seconds(60));
}

TEST_F(SiteControlTest, ThreeUnwillingGreetingsInARowMakeItRest) {
    control_.unwilling(down_, now_, random_);
    control_.unwilling(down_, now_, random_);
    EXPECT_EQ(control_.sessions(now_), 1U);
    control_.delivered(now_);
    control_.unwilling(down_, now_, random_);
    control_.unwilling(down_, now_, random_);
    EXPECT_FALSE(control_.resting_until(now_));
    control_.unwilling(down_, now_, random_);
    EXPECT_TRUE(control_.resting_until(now_));
}

TEST_F(SiteControlTest, UnwillingGreetingsWithASessionBetweenThemAreNotInARow) {
    for (int i = 0; i < 10; ++i) {
        control_.unwilling(down_, now_, random_);
        control_.unwilling(down_, now_, random_);
        EXPECT_FALSE(control_.resting_until(now_));
        control_.reached();  // though nothing is delivered in it
    }
}

TEST_F(SiteControlTest, AfterARestOneUnwillingGreetingMakesItRestLonger) {
    control_.unreachable(down_, now_, random_);
    now_ = *control_.resting_until(now_);
    control_.unwilling(down_, now_, random_);
    const auto until = control_.resting_until(now_);
    ASSERT_TRUE(until);
    EXPECT_GE(*until - now_, seconds(90));
    now_ = *until;
    control_.reached();
    control_.unwilling(down_, now_, random_);
    control_.unwilling(down_, now_, random_);
    EXPECT_FALSE(control_.resting_until(now_));
}

TEST_F(SiteControlTest, ASuspensionIsNotEndedByWhatIsStillUnderWay) {
    control_.suspend(down_, now_ + hours(2));
    control_.delivered(now_ + seconds(1));
    EXPECT_EQ(control_.sessions(now_ + minutes(119)), 0U);
    EXPECT_GT(control_.sessions(now_ + minutes(121)), 0U);
}

TEST_F(SiteControlTest, WhoeverAsksForAnAttemptGetsOne) {
    control_.suspend(down_, now_ + hours(2));
    control_.unreachable(down_, now_, random_);
    control_.try_now();
    EXPECT_EQ(control_.sessions(now_), 1U);
}

TEST_F(SiteControlTest, LimitsThatAServerAsksForHoldForAWhile) {
    for (int i = 0; i < 20; ++i) {
        control_.delivered(now_);
    }
    control_.restrict(1, now_ + minutes(90));
    control_.restrict_rate(1, seconds(60), now_ + minutes(90));
    control_.delivered(now_);
    EXPECT_EQ(control_.sessions(now_), 1U);
    control_.begin(now_);
    EXPECT_EQ(control_.next_begin(now_), now_ + seconds(60));
    EXPECT_FALSE(control_.is_unremarkable(now_));
    now_ += minutes(91);
    EXPECT_GT(control_.sessions(now_), 1U);
    EXPECT_EQ(control_.next_begin(now_), now_);
}

TEST(SiteControl, KeepsToItsRate) {
    SitePolicy policy;
    policy.rate_messages = 10;
    policy.rate_interval = seconds(60);
    SiteControl control(policy);
    SteadyTime now{hours(1)};
    EXPECT_EQ(control.next_begin(now), now);
    control.begin(now);
    EXPECT_EQ(control.next_begin(now), now + seconds(6));
    EXPECT_EQ(control.next_begin(now + seconds(7)), now + seconds(7));
}

TEST(SiteControl, AtLeastOneSessionWhateverThePolicySays) {
    SitePolicy policy;
    policy.max_sessions = 0;
    policy.first_sessions = 0;
    SiteControl control(policy);
    EXPECT_EQ(control.sessions(SteadyTime{}), 1U);
}

}  // namespace
}  // namespace mxpost::schedule
