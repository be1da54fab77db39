#include "submit/message_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "queue_fixture.h"

namespace mxpost::submit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class MessageTraceTest : public QueueFixture {
protected:
    MessageTraceTest() {
        ::setenv("TZ", "UTC", 1);
        ::tzset();
    }
    void trace(bool is_json = false) {
        lines_.clear();
        MessageTrace format(disk_, out_, is_json);
        EXPECT_EQ(show(format), ExitStatus::ok);
        EXPECT_FALSE(format.is_incomplete());
    }
    /// Two attempts, as an engine writes them down: outcomes, then how they came about.
    std::vector<spool::Record> two_attempts() {
        std::vector<spool::Record> records;
        records.emplace_back(deferred(0, "mx.x.test", "4.7.1 come back"));
        records.emplace_back(spool::DialogueRecord{
            clock_.now(), "-- connected\nS: 220 mx\x1b[0m\nC: EHLO host"});
        clock_.advance(std::chrono::minutes(5));
        records.emplace_back(deferred(0, "mx.x.test", "4.7.1 not yet"));
        records.emplace_back(spool::DialogueRecord{clock_.now(), "S: 220 again"});
        records.emplace_back(spool::ReportRecord{
            spool::ReportKind::delay, clock_.now(), "01hk2w7yz0c000000a", {0}});
        records.emplace_back(spool::HoldRecord{clock_.now(), true, "root"});
        records.emplace_back(spool::NoteRecord{clock_.now(), "waits for x"});
        return records;
    }
};

TEST_F(MessageTraceTest, TellsEachAttemptFromItsDialogueToItsEnd) {
    const auto id = queue_message({"a@x.test"}, two_attempts());
    trace();
    EXPECT_THAT(
        lines_,
        ElementsAre(
            StartsWith(id + ": from=<alice@example.com>, 1 recipient, arrived Mon Jan  1 12:0"),
            "Mon Jan  1 12:00:00 2024  dialogue",
            "    -- connected",
            "    S: 220 mx?[0m",
            "    C: EHLO host",
            "Mon Jan  1 12:00:00 2024  <a@x.test> deferred: 451 4.7.1 come back (mx.x.test "
            "[192.0.2.1])",
            "Mon Jan  1 12:05:00 2024  dialogue",
            "    S: 220 again",
            "Mon Jan  1 12:05:00 2024  <a@x.test> deferred: 451 4.7.1 not yet (mx.x.test "
            "[192.0.2.1])",
            "Mon Jan  1 12:05:00 2024  report of delay 01hk2w7yz0c000000a for 1 recipient",
            "Mon Jan  1 12:05:00 2024  held by root",
            "Mon Jan  1 12:05:00 2024  note: waits for x"
        )
    );
}

TEST_F(MessageTraceTest, IsJsonForPrograms) {
    queue_message({"a@x.test"}, two_attempts());
    trace(true);
    ASSERT_EQ(lines_.size(), 7U);
    EXPECT_THAT(
        lines_[0], HasSubstr("\"event\":\"dialogue\",\"lines\":[\"-- connected\",\"S: 220 mx?[0m\"")
    );
    EXPECT_THAT(
        lines_[1],
        HasSubstr("\"event\":\"outcome\",\"recipient\":\"a@x.test\",\"state\":\"deferred\"")
    );
    EXPECT_THAT(lines_[4], HasSubstr("\"event\":\"report\",\"kind\":\"delay\""));
    EXPECT_THAT(lines_[5], HasSubstr("\"event\":\"hold\",\"by\":\"root\""));
    EXPECT_THAT(lines_[6], HasSubstr("\"event\":\"note\",\"text\":\"waits for x\""));
}

TEST_F(MessageTraceTest, ADialogueThatSomebodyLookedOnAtIsOneToo) {
    std::vector<spool::Record> records;
    for (const char* line : {"S: 220 mx", "C: EHLO host", "S: 250 mx"}) {
        records.emplace_back(spool::DialogueRecord{clock_.now(), line});
        clock_.advance(std::chrono::seconds(1));
    }
    records.emplace_back(deferred(0, "mx.x.test", "4.7.1 come back"));
    queue_message({"a@x.test"}, records);
    trace();
    ASSERT_EQ(lines_.size(), 6U);
    EXPECT_THAT(lines_[1], testing::EndsWith("  dialogue"));
    EXPECT_EQ(lines_[4], "    S: 250 mx");
}

TEST_F(MessageTraceTest, SaysSoWhereNothingHappenedYet) {
    queue_message({"a@x.test"});
    trace();
    ASSERT_EQ(lines_.size(), 2U);
    EXPECT_EQ(lines_[1], "no attempt has ended yet");
}

TEST_F(MessageTraceTest, WhatCantBeReadIsJsonToo) {
    const auto id = queue_message({"a@x.test"});
    test::FailingFileSystem broken(disk_);
    broken.fail_always("pread", EIO);
    for (const bool is_json : {true, false}) {
        lines_.clear();
        MessageTrace format(broken, out_, is_json);
        EXPECT_EQ(show(format), ExitStatus::ok);
        EXPECT_TRUE(format.is_incomplete());
        ASSERT_EQ(lines_.size(), 1U);
        EXPECT_EQ(
            lines_[0],
            is_json ? "{\"queue_id\":\"" + id + "\",\"error\":\"pread: Input/output error\"}"
                    : id + ": pread: Input/output error"
        );
    }
}

/// A journal is its owner's to write.
TEST_F(MessageTraceTest, ARecipientThatIsNoneIsNoTrouble) {
    queue_message({"a@x.test"}, {deferred(4'000'000'000, "mx", "no")});
    trace();
    EXPECT_THAT(lines_.at(1), HasSubstr("<> deferred"));
}

}  // namespace
}  // namespace mxpost::submit
