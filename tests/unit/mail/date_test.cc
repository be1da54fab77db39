#include "mail/date.h"

#include <gtest/gtest.h>

namespace mxpost::mail {
namespace {

using namespace std::chrono_literals;

TEST(DateText, GivesLocalTimeWithItsOffset) {
    const std::chrono::sys_seconds time{1704067509s};  // 2024-01-01 00:05:09 UTC
    EXPECT_EQ(date_text(time, 0min), "Mon, 1 Jan 2024 00:05:09 +0000");
    EXPECT_EQ(date_text(time, 60min), "Mon, 1 Jan 2024 01:05:09 +0100");
    EXPECT_EQ(date_text(time, -210min), "Sun, 31 Dec 2023 20:35:09 -0330");
    EXPECT_EQ(date_text(time, 345min), "Mon, 1 Jan 2024 05:50:09 +0545");
}

TEST(DateText, IgnoresOffsetsThatCannotBe) {
    const std::chrono::sys_seconds time{0s};
    EXPECT_EQ(date_text(time, 1440min), "Thu, 1 Jan 1970 00:00:00 +0000");
    EXPECT_EQ(date_text(time, -100000min), "Thu, 1 Jan 1970 00:00:00 +0000");
}

TEST(DateText, KnowsLeapDays) {
    EXPECT_EQ(
        date_text(std::chrono::sys_seconds{1709251199s}, 0min), "Thu, 29 Feb 2024 23:59:59 +0000"
    );
}

TEST(CompactTime, IsUtc) {
    EXPECT_EQ(compact_time(std::chrono::sys_seconds{1704067509s}), "20240101000509");
}

}  // namespace
}  // namespace mxpost::mail
