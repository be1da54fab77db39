#include "diagnose/data_file.h"

#include <gtest/gtest.h>

#include "diagnose/host_suffixes.h"
#include "diagnose/site_limits.h"

namespace mxpost::diagnose {
namespace {

using namespace std::chrono_literals;

std::string problem_of(std::string_view text) {
    const auto blocks = parse_blocks("f", text, "rule");
    return blocks ? "" : blocks.error().message();
}

TEST(ParseBlocks, ReadsNamesKeysAndValuesWithoutComments) {
    const auto blocks = parse_blocks(
        "f", "# a\n\nrule one # b\r\n  text [#4.16.1] x # c\n\tslow\nrule two", "rule"
    );
    ASSERT_TRUE(blocks);
    ASSERT_EQ(blocks->size(), 2U);
    EXPECT_EQ((*blocks)[0].name, "one");
    EXPECT_EQ((*blocks)[0].number, 3U);
    ASSERT_EQ((*blocks)[0].lines.size(), 2U);
    EXPECT_EQ((*blocks)[0].lines[0].key, "text");
    EXPECT_EQ((*blocks)[0].lines[0].value, "[#4.16.1] x");
    EXPECT_EQ((*blocks)[0].lines[1].number, 5U);
    EXPECT_EQ((*blocks)[0].lines[1].value, "");
    EXPECT_TRUE((*blocks)[1].lines.empty());
}

TEST(ParseBlocks, SaysWhereItIsWrong) {
    EXPECT_EQ(problem_of("\n  code 5xx"), "f:2: \"code\" stands before the first \"rule\" line");
    EXPECT_EQ(problem_of("rule"), "f:1: rule needs a name of a-z, 0-9 and \"-\", not \"\"");
    EXPECT_EQ(problem_of("rule A b"), "f:1: rule needs a name of a-z, 0-9 and \"-\", not \"A b\"");
    EXPECT_EQ(problem_of("rule a\nrule a"), "f:2: \"a\" is there already");
}

TEST(ParseBlocks, BoundsTheirNumber) {
    std::string text;
    for (std::size_t i = 0; i <= kMaxBlocks; ++i) {
        text += "rule r" + std::to_string(i) + "\n";
    }
    EXPECT_EQ(problem_of(text), "f:2001: more than 2000 here");
}

TEST(ParseDelay, TakesSumsOfUnits) {
    EXPECT_EQ(*parse_delay("90s"), 90s);
    EXPECT_EQ(*parse_delay("30m"), 30min);
    EXPECT_EQ(*parse_delay("1h30m"), 90min);
    EXPECT_EQ(*parse_delay("2d"), 48h);
    for (const char* const bad :
         {"", "0s", "5", "h", "1w", "-1h", "1h ", "367d", "99999999999999999999d", "366d366d"}) {
        EXPECT_FALSE(parse_delay(bad)) << bad;
    }
    EXPECT_EQ(
        parse_delay("5\x1b").error().message(),
        "must be a duration such as 90s, 30m, 2h or 1d, not \"5?\""
    );
}

TEST(HostSuffixes, MeanNamesBelowOrOneName) {
    const auto hosts = HostSuffixes::parse(".Example.com, mx.example.org.");
    ASSERT_TRUE(hosts);
    EXPECT_TRUE(hosts->contains("mx1.EXAMPLE.com."));
    EXPECT_FALSE(hosts->contains("example.com"));
    EXPECT_FALSE(hosts->contains("badexample.com"));
    EXPECT_TRUE(hosts->contains("mx.example.org"));
    EXPECT_FALSE(hosts->contains("a.mx.example.org"));
    EXPECT_FALSE(hosts->contains(""));
    for (const char* const bad : {"", ".", "a b*", "a..b"}) {
        EXPECT_FALSE(HostSuffixes::parse(bad)) << bad;
    }
}

TEST(SiteLimits, AreSetByName) {
    SiteLimits limits;
    EXPECT_TRUE(*limits.set("sessions", "5"));
    EXPECT_TRUE(*limits.set("messages", "50"));
    EXPECT_TRUE(*limits.set("recipients", "100"));
    EXPECT_TRUE(*limits.set("rate", "10/1m"));
    EXPECT_FALSE(*limits.set("speed", "10"));
    EXPECT_EQ(limits.max_sessions, 5U);
    EXPECT_EQ(limits.messages_per_session, 50U);
    EXPECT_EQ(limits.recipients_per_transaction, 100U);
    EXPECT_EQ(limits.rate, (Rate{10, 60s}));
    EXPECT_EQ(
        limits.set("sessions", "0").error().message(),
        "sessions must be a number from 1 on, not \"0\""
    );
    for (const char* const bad : {"", "10", "/", "10/", "0/1m", "10/0s", "x/1m"}) {
        EXPECT_FALSE(limits.set("rate", bad)) << bad;
    }
}

TEST(SiteLimits, TightenToTheStricter) {
    SiteLimits limits;
    limits.max_sessions = 5;
    limits.rate = Rate{10, 60s};
    SiteLimits other;
    other.max_sessions = 2;
    other.messages_per_session = 20;
    other.rate = Rate{100, 3600s};
    limits.tighten(other);
    EXPECT_EQ(limits.max_sessions, 2U);
    EXPECT_EQ(limits.messages_per_session, 20U);
    EXPECT_EQ(limits.rate, (Rate{100, 3600s}));
    other.rate = Rate{1000, 60s};
    limits.tighten(other);
    EXPECT_EQ(limits.rate, (Rate{100, 3600s}));
}

}  // namespace
}  // namespace mxpost::diagnose
