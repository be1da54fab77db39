#include "deliver/said_once.h"

#include <gmock/gmock.h>

#include "deliver_test.h"

namespace mxpost::deliver {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class SaidOnceTest : public testing::Test {
protected:
    test::ManualClock clock_;
    LogLines log_;
    SaidOnce reports_{clock_, log_};
};

TEST_F(SaidOnceTest, LogsTheFirstLineOfEachKind) {
    reports_.warn("a", "first of a");
    reports_.warn("a", "second of a");
    reports_.warn("b", "first of b");
    EXPECT_THAT(log_.lines, ElementsAre("first of a", "first of b"));
}

TEST_F(SaidOnceTest, ComesToAnEndForTheDay) {
    constexpr int kMost = 1000;
    for (int i = 0; i < 2 * kMost; ++i) {
        reports_.warn(std::to_string(i), "line");
    }
    ASSERT_THAT(log_.lines, SizeIs(kMost + 1));
    EXPECT_EQ(log_.lines.back(), "nothing more of this kind is said for a day");

    clock_.advance(std::chrono::hours(23));
    reports_.warn("another", "too early");
    EXPECT_THAT(log_.lines, SizeIs(kMost + 1));
    clock_.advance(std::chrono::hours(2));
    reports_.warn("another", "again");
    EXPECT_EQ(log_.lines.back(), "again");
}

}  // namespace
}  // namespace mxpost::deliver
