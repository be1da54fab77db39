#include "deliver/due_index.h"

#include <gtest/gtest.h>

namespace mxpost::deliver {
namespace {

using spool::EntryName;
using std::chrono::sys_seconds;

const spool::MessageId kA = "01hk2w7yz0c000000a";
const spool::MessageId kB = "01hk2w7yz0c000000b";
const spool::MessageId kC = "01hk2w7yz0c000000c";

sys_seconds at(int seconds) {
    return sys_seconds(std::chrono::seconds(1704110400 + seconds));
}

class DueIndexTest : public testing::Test {
protected:
    /// The ids that are due, in the order in which they are taken.
    std::vector<spool::MessageId> take_all(sys_seconds now) {
        std::vector<spool::MessageId> ids;
        while (auto name = index_.take_due(now, [](sys_seconds) { return false; })) {
            ids.push_back(name->id);
        }
        return ids;
    }
    std::optional<EntryName> take(sys_seconds now) {
        return index_.take_due(now, [](sys_seconds) { return false; });
    }

    DueIndex index_;
};

using Ids = std::vector<spool::MessageId>;

TEST_F(DueIndexTest, GivesWhatIsDueInTheOrderOfDueTimesNotOfArrival) {
    index_.saw({kA, at(30)});
    index_.saw({kB, at(10)});
    index_.saw({kC, at(20)});

    EXPECT_EQ(take_all(at(20)), (Ids{kB, kC}));
    EXPECT_EQ(index_.active(), 2U);
    EXPECT_EQ(index_.waiting(), 1U);
    EXPECT_EQ(index_.next_due(), at(30));
}

TEST_F(DueIndexTest, TakesTheOlderIdFirstWhenBothAreDueAtOnce) {
    index_.saw({kB, at(0)});
    index_.saw({kA, at(0)});

    EXPECT_EQ(take_all(at(0)), (Ids{kA, kB}));
}

TEST_F(DueIndexTest, ANewNameOfAWaitingMessageMovesItForwardAndBack) {
    index_.saw({kA, at(50)});
    index_.saw({kA, at(0)});  // somebody asked for an attempt now
    EXPECT_EQ(index_.waiting(), 1U);
    EXPECT_EQ(index_.next_due(), at(0));

    index_.saw({kA, at(70)});
    EXPECT_EQ(take(at(60)), std::nullopt);
    EXPECT_EQ(take(at(70)), (EntryName{kA, at(70)}));
    EXPECT_EQ(take(at(70)), std::nullopt);
}

TEST_F(DueIndexTest, AMessageInWorkIsNotGivenASecondTimeHoweverOftenItIsSeen) {
    index_.saw({kA, at(0)});
    ASSERT_TRUE(take(at(0)));
    index_.saw({kA, at(0)});
    index_.saw({kA, at(1)});

    EXPECT_EQ(take(at(5)), std::nullopt);
    EXPECT_FALSE(index_.is_empty());
}

TEST_F(DueIndexTest, APostponedMessageWaitsUnderTheNameThatItsClaimHolderGaveIt) {
    index_.saw({kA, at(0)});
    ASSERT_TRUE(take(at(0)));
    index_.saw({kA, at(300)});  // our own rename, told by inotify
    index_.finish(kA, EntryName{kA, at(300)});

    EXPECT_EQ(index_.active(), 0U);
    EXPECT_EQ(take(at(299)), std::nullopt);
    EXPECT_EQ(take(at(300)), (EntryName{kA, at(300)}));
}

TEST_F(DueIndexTest, AMessageThatIsGoneLeavesNothing) {
    index_.saw({kA, at(0)});
    ASSERT_TRUE(take(at(0)));
    index_.finish(kA, std::nullopt);

    EXPECT_TRUE(index_.is_empty());
    EXPECT_EQ(index_.next_due(), std::nullopt);
    EXPECT_EQ(take(at(1000)), std::nullopt);
}

TEST_F(DueIndexTest, GoneUnderOneNameButSeenUnderAnotherMeansLookAgain) {
    index_.saw({kA, at(100)});
    ASSERT_TRUE(take(at(100)));
    index_.saw({kA, at(40)});  // renamed between our look and our claim
    index_.finish(kA, std::nullopt);

    EXPECT_EQ(take(at(40)), (EntryName{kA, at(40)}));
    index_.finish(kA, std::nullopt);
    EXPECT_TRUE(index_.is_empty());
}

TEST_F(DueIndexTest, ADueTimeOfAClockThatJumpedCountsAsDue) {
    const auto is_implausible = [](sys_seconds due) { return due > at(10000); };
    index_.saw({kA, at(500)});
    index_.saw({kB, at(20000)});

    EXPECT_EQ(index_.take_due(at(0), is_implausible), (EntryName{kB, at(20000)}));
    EXPECT_EQ(index_.take_due(at(0), is_implausible), std::nullopt);
    EXPECT_EQ(index_.next_due(), at(500));
}

TEST_F(DueIndexTest, WhatCouldNotBeRenamedWaitsUnderItsOldNameHoweverOftenItIsSeen) {
    index_.saw({kA, at(0)});
    ASSERT_TRUE(take(at(10)));
    index_.finish_until({kA, at(0)}, at(70));
    index_.saw({kA, at(0)});  // a scan

    EXPECT_EQ(index_.next_due(), at(70));
    EXPECT_EQ(take(at(69)), std::nullopt);
    EXPECT_EQ(take(at(70)), (EntryName{kA, at(0)}));  // the name to claim it by
}

TEST_F(DueIndexTest, WhatCouldNotBeRenamedIsTakenAtOnceWhenSomebodyElseRenamesIt) {
    index_.saw({kA, at(0)});
    ASSERT_TRUE(take(at(10)));
    index_.finish_until({kA, at(0)}, at(70));
    index_.saw({kA, at(11)});

    EXPECT_EQ(take(at(11)), (EntryName{kA, at(11)}));
    EXPECT_EQ(index_.next_due(), std::nullopt);
}

TEST_F(DueIndexTest, AnImplausibleNameThatCouldNotBeRenamedDoesNotComeBackAtOnce) {
    const auto is_implausible = [](sys_seconds due) { return due > at(10000); };
    index_.saw({kA, at(20000)});
    ASSERT_TRUE(index_.take_due(at(0), is_implausible));
    index_.finish_until({kA, at(20000)}, at(60));

    EXPECT_EQ(index_.take_due(at(59), is_implausible), std::nullopt);
    EXPECT_EQ(index_.take_due(at(60), is_implausible), (EntryName{kA, at(20000)}));
}

TEST_F(DueIndexTest, WhatIsBeingMadeIsLeftAloneUntilItIsThere) {
    index_.reserve(kA);
    index_.saw({kA, at(0)});  // its name appears before it is safe
    EXPECT_EQ(take_all(at(10)), Ids{});
    index_.finish(kA, EntryName{kA, at(0)});
    EXPECT_EQ(take_all(at(10)), Ids{kA});
}

TEST_F(DueIndexTest, WhatDidNotComeToBeIsForgotten) {
    index_.reserve(kA);
    index_.finish(kA, std::nullopt);
    EXPECT_TRUE(index_.is_empty());
}

TEST_F(DueIndexTest, FinishingWhatIsNotInWorkDoesNoHarm) {
    index_.finish(kA, std::nullopt);
    EXPECT_TRUE(index_.is_empty());
    index_.finish(kA, EntryName{kA, at(0)});
    EXPECT_EQ(take_all(at(0)), Ids{kA});
}

}  // namespace
}  // namespace mxpost::deliver
