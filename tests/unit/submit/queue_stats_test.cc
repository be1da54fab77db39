#include "submit/queue_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "queue_fixture.h"

namespace mxpost::submit {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(ShortAgeTest, HasTwoUnitsAtMost) {
    EXPECT_EQ(short_age(std::chrono::seconds(-5)), "0s");
    EXPECT_EQ(short_age(std::chrono::seconds(59)), "59s");
    EXPECT_EQ(short_age(std::chrono::seconds(3599)), "59m");
    EXPECT_EQ(short_age(std::chrono::minutes(185)), "3h05m");
    EXPECT_EQ(short_age(std::chrono::hours(52)), "2d04h");
}

TEST(FittedTest, CountsCharactersNotOctets) {
    EXPECT_EQ(fitted("abc", 5), "abc  ");
    EXPECT_EQ(fitted("abcdef", 3), "abc");
    EXPECT_EQ(fitted("m\xc3\xbcller", 3), "m\xc3\xbcl");
    EXPECT_EQ(fitted("m\xc3\xbc", 3), "m\xc3\xbc ");
}

class QueueStatsTest : public QueueFixture {
protected:
    void stats(bool is_json = false, std::size_t most = 40) {
        lines_.clear();
        QueueStats format(out_, clock_.now(), is_json, most);
        EXPECT_EQ(show(format), ExitStatus::ok);
    }
};

TEST_F(QueueStatsTest, AnEmptyQueueIsCountedToo) {
    stats();
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_EQ(lines_[0], "0 messages, 0 octets: 0 being sent, 0 due, 0 held");
    stats(true);
    EXPECT_THAT(lines_[0], HasSubstr("\"messages\":0"));
}

TEST_F(QueueStatsTest, CountsWhoWaitsByDomainAndAge) {
    queue_message({"a@x.test", "b@X.test", "c@y.test"}, {deferred(2, "MX.y.test", "4.7.1 old")});
    clock_.advance(std::chrono::minutes(30));
    queue_message({"d@y.test"}, {deferred(0, "mx.y.test", "4.7.1 new\x1b")});
    queue_message({"e@y.test"}, {spool::HoldRecord{clock_.now(), true, "root"}});
    stats();
    ASSERT_EQ(lines_.size(), 5U);
    EXPECT_THAT(lines_[0], testing::MatchesRegex("3 messages, .*: 0 being sent, 2 due, 1 held"));
    EXPECT_THAT(lines_[2], testing::MatchesRegex("\\(all\\) +5 +2 +0 +3 +0 +0 +0 +0 +30m .*"));
    EXPECT_THAT(
        lines_[3],
        testing::MatchesRegex("y.test +3 +2 +0 +1 .* 30m  451 4.7.1 new\\? \\(mx.y.test\\)")
    );
    EXPECT_THAT(lines_[4], testing::MatchesRegex("x.test +2 +0 +0 +2 +0 +0 +0 +0 +30m"));

    stats(false, 1);
    EXPECT_EQ(lines_.back(), "and 1 more domains");
}

TEST_F(QueueStatsTest, IsOneJsonObject) {
    queue_message({"a@x.test", "c@y.test"}, {deferred(1, "mx.y.test", "4.7.1 old")});
    stats(true);
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_THAT(lines_[0], StartsWith("{\"messages\":1,"));
    EXPECT_THAT(
        lines_[0],
        HasSubstr("{\"recipients\":1,\"deferred\":1,\"ages\":[1,0,0,0,0,0,0],\"oldest\":1704110400,"
                  "\"last_attempt\":1704110400,\"last_reply\":\"451 4.7.1 old\",\"last_host\":"
                  "\"mx.y.test\",\"domain\":\"y.test\"}")
    );
}

}  // namespace
}  // namespace mxpost::submit
