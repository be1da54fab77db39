#include "submit/queue_watch.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mxpost::submit {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

QueueFigures figures() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    QueueFigures result;
    result.now = WallTime(std::chrono::seconds(1704110400));
    result.messages = 1000;
    result.due = 20;
    result.came = 5;
    result.left = 25;
    result.interval = std::chrono::seconds(2);
    result.opened = 500;
    result.active = 4;
    result.held = 1;
    for (int i = 0; i < 40; ++i) {
        DestinationFigures destination;
        destination.domain = "d" + std::to_string(i) + ".test";
        destination.waiting = static_cast<std::uint64_t>(100 - i);
        destination.active = 2;
        destination.oldest = result.now - std::chrono::minutes(185);
        destination.site = "mx" + std::to_string(i) + ".test";
        destination.last_reply = "451 4.7.1 come back later, and then " + std::string(200, 'x');
        result.destinations.push_back(destination);
    }
    return result;
}

TEST(WatchScreenTest, FitsEveryTerminal) {
    for (const ScreenSize size :
         {ScreenSize{24, 80}, ScreenSize{1, 1}, ScreenSize{3, 20}, ScreenSize{100, 300}}) {
        const auto lines = watch_screen(figures(), size);
        EXPECT_LE(lines.size(), size.rows);
        for (const std::string& line : lines) {
            EXPECT_LE(line.size(), size.columns) << line;
        }
    }
}

TEST(WatchScreenTest, HasFiguresThenTheMostLoadedDestinations) {
    const auto lines = watch_screen(figures(), {10, 100});
    ASSERT_EQ(lines.size(), 10U);
    EXPECT_THAT(lines[0], HasSubstr("12:00:00"));
    EXPECT_EQ(lines[1], "1000 queued  20 due  4 active  1 held  came 2.5/s  left 12.5/s");
    EXPECT_THAT(lines[2], HasSubstr("of 500 messages that were opened"));
    EXPECT_THAT(lines[3], StartsWith("DESTINATION"));
    EXPECT_THAT(
        lines[4], testing::MatchesRegex("d0.test +100 +2 +3h05m +mx0.test +451 4.7.1 come.*")
    );
    EXPECT_EQ(lines[9], "and 35 more");
}

TEST(WatchScreenTest, SaysNothingOfSamplesWhereAllWereOpened) {
    QueueFigures all = figures();
    all.opened = all.messages;
    EXPECT_EQ(watch_screen(all, {24, 80})[2], "");
}

TEST(WatchLineTest, IsOneLineWithTheWorst) {
    EXPECT_THAT(
        watch_line(figures()),
        StartsWith("2024-01-01T12:00:00Z queued=1000 due=20 active=4 held=1 came=2.5/s left=12.5/s "
                   "opened=500 most=d0.test:100 last=\"451 4.7.1 come back")
    );
    QueueFigures none;
    EXPECT_THAT(watch_line(none), StartsWith("1970-01-01T00:00:00Z queued=0 due=0"));
}

TEST(WatchJsonTest, HasEverything) {
    const std::string json = watch_json(figures());
    EXPECT_THAT(
        json, StartsWith("{\"time\":1704110400,\"messages\":1000,\"due\":20,\"opened\":500,")
    );
    EXPECT_THAT(
        json,
        HasSubstr("{\"domain\":\"d0.test\",\"waiting\":100,\"active\":2,\"oldest\":1704099300,")
    );
}

}  // namespace
}  // namespace mxpost::submit
