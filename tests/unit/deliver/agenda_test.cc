#include "deliver/agenda.h"

#include <algorithm>

#include <gtest/gtest.h>

#include <unistd.h>

#include "deliver_test.h"

namespace mxpost::deliver {
namespace {

using std::chrono::sys_seconds;

sys_seconds at(int seconds) {
    return to_seconds(kArrival) + std::chrono::seconds(seconds);
}

/// Of the second at(0).
spool::MessageId new_id(std::uint64_t number) {
    return spool::PackedId{static_cast<std::uint64_t>(kArrival.time_since_epoch().count()), number}
        .text();
}

class AgendaTest : public testing::Test {
protected:
    AgendaTest() {
        for (int i = 0; i < 3; ++i) {
            auto box = queue_.open(queue_.files());
            boxes_.push_back(std::make_unique<ServedBox>(queue_.files(), std::move(box), false));
            boxes_.back()->adopt_lock();
            agenda_.add(*boxes_.back());
        }
    }
    DueIndex& index(std::size_t number) { return boxes_[number]->index(); }
    /// Which boxes give their messages, as an engine takes them.
    std::vector<std::size_t> dispatch(sys_seconds now) {
        std::vector<std::size_t> order;
        looks_ = 0;
        while (ServedBox* box = agenda_.next(now)) {
            ++looks_;
            const auto never = [](sys_seconds) { return false; };
            if (box->index().take_due(now, never)) {
                order.push_back(box->number);
            } else {
                agenda_.rest(*box);
            }
        }
        return order;
    }

    Queue queue_;
    std::vector<std::unique_ptr<ServedBox>> boxes_;
    Agenda agenda_;
    std::size_t looks_ = 0;
};

using Order = std::vector<std::size_t>;

TEST_F(AgendaTest, GivesBoxesInTurn) {
    for (std::uint64_t i = 0; i < 3; ++i) {
        index(0).saw({new_id(i), at(100)});
    }
    index(2).saw({new_id(7), at(100)});
    EXPECT_EQ(dispatch(at(99)), Order{});
    EXPECT_EQ(dispatch(at(100)), (Order{0, 2, 0, 0}));
    EXPECT_EQ(agenda_.active(), 4U);
    index(0).finish(new_id(0), std::nullopt);
    EXPECT_EQ(agenda_.active(), 3U);
}

TEST_F(AgendaTest, LooksAtNoBoxThatHasNothingDue) {
    index(1).saw({new_id(1), at(100)});
    EXPECT_EQ(dispatch(at(0)), Order{});
    EXPECT_EQ(looks_, 1U);  // it had news
    EXPECT_EQ(dispatch(at(50)), Order{});
    EXPECT_EQ(looks_, 0U);
    EXPECT_EQ(dispatch(at(100)), Order{1});
}

TEST_F(AgendaTest, HearsOfWhatBecomesDueEarlier) {
    index(1).saw({new_id(1), at(100)});
    EXPECT_EQ(dispatch(at(0)), Order{});
    EXPECT_TRUE(index(1).hurry(new_id(1), at(1)));
    EXPECT_EQ(dispatch(at(1)), Order{1});
    index(1).park_for({new_id(1), at(100)}, 5);
    EXPECT_EQ(dispatch(at(200)), Order{});
    index(1).unpark(5, 1);
    EXPECT_EQ(dispatch(at(200)), Order{1});
    index(1).finish(new_id(1), spool::EntryName{new_id(1), at(300)});
    EXPECT_EQ(dispatch(at(299)), Order{});
    EXPECT_EQ(dispatch(at(300)), Order{1});
}

TEST_F(AgendaTest, ABoxThatIsNotServedIsLeftAloneUntilItIsWokenUp) {
    boxes_[0]->release();
    index(0).saw({new_id(1), at(0)});
    ServedBox* const box = agenda_.next(at(0));
    ASSERT_EQ(box, boxes_[0].get());
    agenda_.rest(*box);
    EXPECT_EQ(agenda_.next(at(100)), nullptr);
    boxes_[0]->adopt_lock();
    agenda_.wake(*box);
    EXPECT_EQ(dispatch(at(100)), Order{0});
}

TEST_F(AgendaTest, AClockThatJumpedIsNoticed) {
    index(2).saw({new_id(1), at(100000)});
    EXPECT_EQ(dispatch(at(0)), Order{});
    agenda_.wake_implausible([](sys_seconds due) { return due > at(100000); });
    EXPECT_EQ(agenda_.next(at(0)), nullptr);
    agenda_.wake_implausible([](sys_seconds due) { return due > at(50000); });
    EXPECT_EQ(agenda_.next(at(0)), boxes_[2].get());
}

}  // namespace
}  // namespace mxpost::deliver
