#include "deliver/due_index.h"

#include <algorithm>
#include <map>
#include <random>

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

// Ids of the second 1704110400, at(0).
const spool::MessageId kNew1 = "1gdw4fgsm000000001";
const spool::MessageId kNew2 = "1gdw4fgsm000000002";
const spool::MessageId kNew3 = "1gdw4fgsm000000003";

TEST_F(DueIndexTest, GivesNewMailAndTheBacklogInTurnBeginningWithTheNew) {
    index_.saw({kA, at(-30)});
    index_.saw({kB, at(-20)});
    index_.saw({kC, at(-10)});
    index_.saw({kNew2, at(0)});
    index_.saw({kNew1, at(0)});

    EXPECT_EQ(take_all(at(0)), (Ids{kNew1, kA, kNew2, kB, kC}));
}

TEST_F(DueIndexTest, GivesTheOldestAndTheNewestOfNewMailInTurn) {
    Ids ids;
    for (int i = 0; i < 1000; ++i) {
        ids.push_back(kNew1.substr(0, 15) + std::to_string(100 + i % 900));
    }
    std::ranges::sort(ids);
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
        index_.saw({ids[i], at(0)});
    }
    EXPECT_EQ(take(at(0)), (EntryName{ids[0], at(0)}));
    // Behind all of these comes one more: it is the next but one at the latest.
    index_.saw({ids.back(), at(0)});
    index_.saw({kA, at(-30)});  // and one that was tried before
    const auto next = take(at(0));
    const auto after = take(at(0));
    EXPECT_EQ(next, (EntryName{kA, at(-30)}));
    EXPECT_EQ(after, (EntryName{ids.back(), at(0)}));
    EXPECT_EQ(take(at(0)), (EntryName{ids[1], at(0)}));
    EXPECT_EQ(take_all(at(0)).size(), ids.size() - 3);
}

TEST_F(DueIndexTest, WhatWasTriedOrFlushedIsNotNewAnyMore) {
    index_.saw({kNew1, at(300)});
    index_.saw({kNew2, at(60)});
    index_.saw({kNew3, at(300)});

    EXPECT_EQ(take_all(at(300)), (Ids{kNew2, kNew1, kNew3}));
}

TEST_F(DueIndexTest, AHurriedMessageIsGivenNowUnderTheNameThatItHas) {
    index_.saw({kA, at(500)});

    EXPECT_FALSE(index_.hurry(kB, at(1)));
    EXPECT_TRUE(index_.hurry(kA, at(1)));
    EXPECT_EQ(take(at(1)), (EntryName{kA, at(500)}));
    EXPECT_FALSE(index_.hurry(kA, at(1)));  // in work
}

class LimitedIndexTest : public DueIndexTest {
protected:
    LimitedIndexTest() { index_ = DueIndex({3, 1000, 10}); }

    /// Takes the next message and lets it in, or parks it.
    std::string work(std::uint64_t octets, std::uint32_t recipients) {
        const auto name = take(at(0));
        if (!name) {
            return "none";
        }
        if (index_.admit(name->id, {octets, recipients})) {
            return name->id;
        }
        index_.park(*name);
        return "parked " + name->id;
    }
};

TEST_F(LimitedIndexTest, LeavesOutMoreMessagesThanAllowedUntilThereIsRoom) {
    for (const auto& id : {kA, kB, kC, kNew1}) {
        index_.saw({id, at(0)});
    }
    EXPECT_EQ(index_.waiting(), 3U);
    EXPECT_FALSE(index_.is_known(kNew1));
    EXPECT_TRUE(index_.is_over_limits());
    EXPECT_FALSE(index_.is_incomplete());

    ASSERT_TRUE(take(at(0)));
    index_.finish(kA, std::nullopt);
    EXPECT_TRUE(index_.is_incomplete());
    index_.begin_scan();
    EXPECT_FALSE(index_.is_incomplete());  // somebody looks just now
    for (const auto& id : {kB, kC, kNew1}) {
        index_.saw({id, at(0)});
    }
    EXPECT_TRUE(index_.is_over_limits());
    index_.end_scan();
    EXPECT_FALSE(index_.is_over_limits());
    EXPECT_EQ(take(at(0)), (EntryName{kNew1, at(0)}));
}

TEST_F(LimitedIndexTest, IsNotEmptyWhileSomethingWasLeftOut) {
    for (const auto& id : {kA, kB, kC, kNew1}) {
        index_.saw({id, at(0)});
    }
    for (const auto& id : take_all(at(0))) {
        index_.finish(id, std::nullopt);
    }
    EXPECT_FALSE(index_.is_empty());
    index_.begin_scan();
    EXPECT_FALSE(index_.is_empty());
    index_.end_scan();
    EXPECT_TRUE(index_.is_empty());
}

TEST_F(LimitedIndexTest, ParksWhatIsTooMuchUntilSomethingIsGone) {
    for (const auto& id : {kA, kB, kC}) {
        index_.saw({id, at(0)});
    }
    EXPECT_EQ(work(900, 1), kA);
    EXPECT_EQ(work(101, 1), "parked " + kB);
    EXPECT_EQ(work(100, 1), kC);  // which gives the parked one another chance
    EXPECT_EQ(work(101, 1), "parked " + kB);
    EXPECT_EQ(work(1, 1), "none");
    EXPECT_TRUE(index_.is_over_limits());
    EXPECT_EQ(index_.next_due(), std::nullopt);
    EXPECT_FALSE(index_.is_empty());

    index_.finish(kC, EntryName{kC, at(300)});  // deferred: it still counts
    EXPECT_EQ(work(101, 1), "none");
    index_.finish(kA, std::nullopt);
    EXPECT_EQ(work(101, 1), kB);
    EXPECT_FALSE(index_.is_over_limits());
}

TEST_F(LimitedIndexTest, CountsRecipientsOfEachMessageOnce) {
    index_.saw({kA, at(0)});
    index_.saw({kB, at(0)});
    EXPECT_EQ(work(1, 6), kA);
    index_.finish(kA, EntryName{kA, at(-1)});
    EXPECT_EQ(work(1, 6), kA);
    EXPECT_EQ(work(1, 5), "parked " + kB);
    index_.finish_until({kA, at(0)}, at(60));
    ASSERT_TRUE(take(at(60)));
    EXPECT_TRUE(index_.admit(kA, {1, 6}));
    index_.finish(kA, std::nullopt);
    EXPECT_EQ(work(1, 5), kB);
}

TEST_F(LimitedIndexTest, AMessageAloneIsAlwaysLetIn) {
    index_.saw({kA, at(0)});
    EXPECT_EQ(work(5000, 100), kA);
}

TEST_F(LimitedIndexTest, AParkedMessageIsAskedForInVainAndKeepsItsNewName) {
    index_.saw({kA, at(0)});
    index_.saw({kB, at(0)});
    EXPECT_EQ(work(1000, 1), kA);
    EXPECT_EQ(work(1, 1), "parked " + kB);
    EXPECT_TRUE(index_.hurry(kB, at(0)));
    index_.saw({kB, at(-5)});  // renamed by a flush
    EXPECT_EQ(take(at(0)), std::nullopt);
    index_.finish(kA, std::nullopt);
    EXPECT_EQ(take(at(0)), (EntryName{kB, at(-5)}));
}

class LanesTest : public DueIndexTest {
protected:
    /// Takes each of these, and parks it in the lane.
    void park(std::uint32_t lane, const Ids& ids) {
        for (const auto& id : ids) {
            index_.saw({id, at(0)});
            ASSERT_EQ(take(at(0)), (EntryName{id, at(0)}));
            index_.park_for({id, at(0)}, lane);
        }
    }
};

TEST_F(LanesTest, WhatIsInALaneIsGivenWhenItIsLetOutTheFirstOneFirst) {
    park(1, {kB, kA, kC});
    park(2, {kNew1});
    EXPECT_EQ(index_.active(), 0U);
    EXPECT_EQ(index_.waiting(), 4U);
    EXPECT_EQ(index_.parked_in(1), 3U);
    EXPECT_EQ(take_all(at(100)), Ids{});
    EXPECT_EQ(index_.next_due(), std::nullopt);
    EXPECT_FALSE(index_.is_over_limits());
    EXPECT_FALSE(index_.is_empty());

    EXPECT_EQ(index_.unpark(1, 1), 1U);
    EXPECT_EQ(take_all(at(0)), Ids{kB});
    EXPECT_EQ(index_.unpark(1, 5), 2U);
    EXPECT_EQ(index_.parked_in(1), 0U);
    EXPECT_EQ(take_all(at(0)), (Ids{kA, kC}));
    EXPECT_EQ(index_.unpark(1, 5), 0U);
    EXPECT_EQ(index_.parked_in(2), 1U);
}

TEST_F(LanesTest, WhatIsLetOutGoesBeforeWhatIsDueLonger) {
    park(1, {kC});
    index_.saw({kA, at(-100)});
    EXPECT_EQ(index_.unpark(1, 1), 1U);
    EXPECT_EQ(take_all(at(0)), (Ids{kC, kA}));
}

TEST_F(LanesTest, OneThatIsAskedForLeavesItsLaneAndMayComeBack) {
    park(1, {kA, kB, kC});
    EXPECT_TRUE(index_.hurry(kB, at(5)));
    EXPECT_EQ(index_.parked_in(1), 2U);
    EXPECT_EQ(take(at(5)), (EntryName{kB, at(0)}));
    index_.park_for({kB, at(0)}, 1);
    EXPECT_EQ(index_.parked_in(1), 3U);
    EXPECT_EQ(index_.unpark(1, 2), 2U);
    EXPECT_EQ(take_all(at(0)), (Ids{kA, kC}));
    EXPECT_EQ(index_.unpark(1, 2), 1U);
    EXPECT_EQ(take_all(at(0)), Ids{kB});
}

TEST_F(LanesTest, ANewNameIsNotedWithoutLeavingTheLane) {
    park(1, {kA});
    index_.saw({kA, at(30)});
    EXPECT_EQ(take(at(60)), std::nullopt);
    EXPECT_EQ(index_.unpark(1, 1), 1U);
    EXPECT_EQ(take(at(0)), (EntryName{kA, at(30)}));
}

TEST_F(LanesTest, ItsWeightCountsOnInALane) {
    index_ = DueIndex({3, 1000, 10});
    index_.saw({kA, at(0)});
    ASSERT_TRUE(take(at(0)));
    ASSERT_TRUE(index_.admit(kA, {900, 1}));
    index_.park_for({kA, at(0)}, 7);
    index_.saw({kB, at(0)});
    ASSERT_TRUE(take(at(0)));
    EXPECT_FALSE(index_.admit(kB, {101, 1}));
    index_.park({kB, at(0)});
    index_.unpark(7, 1);
    ASSERT_TRUE(take(at(0)));
    index_.finish(kA, std::nullopt);
    EXPECT_EQ(take(at(0)), (EntryName{kB, at(0)}));
    EXPECT_TRUE(index_.admit(kB, {101, 1}));
}

TEST_F(LanesTest, ManyComingsAndGoingsKeepTheOrder) {
    for (int i = 0; i < 1000; ++i) {
        const auto id =
            spool::PackedId{1704110400000000U + static_cast<std::uint64_t>(i), 0}.text();
        park(static_cast<std::uint32_t>(i % 3), {id});
        if (i % 2 == 0) {
            EXPECT_TRUE(index_.hurry(id, at(0)));
            EXPECT_EQ(take_all(at(0)), Ids{id});
            index_.finish(id, std::nullopt);
        }
    }
    std::size_t given = 0;
    for (std::uint32_t lane = 0; lane < 3; ++lane) {
        const std::size_t size = index_.parked_in(lane);
        EXPECT_EQ(index_.unpark(lane, 10000), size);
        const Ids ids = take_all(at(0));
        EXPECT_TRUE(std::ranges::is_sorted(ids));
        EXPECT_EQ(ids.size(), size);
        given += size;
    }
    EXPECT_EQ(given, 500U);
}

TEST_F(DueIndexTest, TellsOfContradictionsBetweenAListingAndWhatItKnows) {
    index_.saw({kA, at(0)});
    EXPECT_FALSE(index_.is_known_otherwise({kA, at(0)}));
    EXPECT_TRUE(index_.is_known_otherwise({kA, at(1)}));
    EXPECT_FALSE(index_.is_known_otherwise({kB, at(1)}));
    ASSERT_TRUE(take(at(0)));
    EXPECT_FALSE(index_.is_known_otherwise({kA, at(1)}));  // seen again: see finish
}

/// The same without any cleverness, to compare with.
class SlowIndex {
public:
    void put(const EntryName& name, sys_seconds from) { waiting_[name.id] = {from, name.due}; }
    void erase(const spool::MessageId& id) { waiting_.erase(id); }
    std::optional<EntryName> first(sys_seconds now) const {
        const auto least = std::ranges::min_element(waiting_, {}, [](const auto& item) {
            return std::pair(item.second.first, item.first);
        });
        return least == waiting_.end() || least->second.first > now
                   ? std::nullopt
                   : std::optional(EntryName{least->first, least->second.second});
    }
    std::optional<sys_seconds> last() const {
        std::optional<sys_seconds> furthest;
        for (const auto& [id, times] : waiting_) {
            furthest = furthest ? std::max(*furthest, times.first) : times.first;
        }
        return furthest;
    }
    std::size_t size() const { return waiting_.size(); }

private:
    std::map<spool::MessageId, std::pair<sys_seconds, sys_seconds>> waiting_;
};

TEST_F(DueIndexTest, AgreesWithASlowOneWhateverHappens) {
    std::mt19937 random(4711);
    const auto below = [&](unsigned limit) { return static_cast<int>(random() % limit); };
    SlowIndex slow;
    Ids active;
    for (int step = 0; step < 20000; ++step) {
        // All were tried: due long after their submission.
        const EntryName name{
            spool::PackedId{static_cast<std::uint64_t>(below(300)), 7}.text(), at(below(50))};
        const bool is_active = std::ranges::find(active, name.id) != active.end();
        switch (below(4)) {
            case 0:
            case 1:
                if (!is_active) {
                    const bool is_same =
                        index_.is_known(name.id) && !index_.is_known_otherwise(name);
                    index_.saw(name);
                    if (!is_same) {
                        slow.put(name, name.due);
                    }
                }
                break;
            case 2: {
                const auto now = at(below(50));
                const auto taken = take(now);
                ASSERT_EQ(taken, slow.first(now));
                if (taken) {
                    slow.erase(taken->id);
                    active.push_back(taken->id);
                }
                break;
            }
            default:
                if (!active.empty()) {
                    const auto id = active.back();
                    active.pop_back();
                    if (below(2) == 0) {
                        index_.finish(id, std::nullopt);
                    } else {
                        index_.finish_until({id, name.due}, at(60));
                        slow.put({id, name.due}, at(60));
                    }
                }
        }
        ASSERT_EQ(index_.waiting(), slow.size());
        ASSERT_EQ(index_.active(), active.size());
        ASSERT_EQ(index_.last_due(), slow.last());
    }
}

TEST_F(DueIndexTest, FinishingWhatIsNotInWorkDoesNoHarm) {
    index_.finish(kA, std::nullopt);
    EXPECT_TRUE(index_.is_empty());
    index_.finish(kA, EntryName{kA, at(0)});
    EXPECT_EQ(take_all(at(0)), Ids{kA});
}

}  // namespace
}  // namespace mxpost::deliver
