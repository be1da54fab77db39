#include "submit/queue_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "submission_fixture.h"

namespace mxpost::submit {
namespace {

using testing::HasSubstr;

TEST(JsonString, HasNoControlCharactersAndIsUtf8WhateverItIsMadeOf) {
    EXPECT_EQ(json_string("plain"), "\"plain\"");
    EXPECT_EQ(json_string("a\"b\\c"), "\"a\\\"b\\\\c\"");
    EXPECT_EQ(json_string("a\nb\x1b[0m\x7f"), "\"a?b?[0m?\"");
    EXPECT_EQ(json_string("\xc3\xad \xff"), "\"\xc3\xad ?\"");
    EXPECT_EQ(json_string(""), "\"\"");
    EXPECT_EQ(json_string("\tid 1\t"), "\"\\tid 1\\t\"");
    EXPECT_EQ(json_string(std::string(3000, 'x')).size(), 3002U);
}

class QueueJsonTest : public SubmissionFixture {
protected:
    std::vector<std::string> lines() {
        std::vector<std::string> out;
        const LineSink sink = [&](std::string_view line) { out.emplace_back(line); };
        QueueJson json(sink, to_seconds(clock_.now()));
        const EngineStarter starter("/nonexistent", {});
        EXPECT_EQ(
            show_queue(around_, starter, QueueSelection(), json, [](std::string_view) {}),
            ExitStatus::ok
        );
        return out;
    }
};

TEST_F(QueueJsonTest, AnEmptyQueueIsNoLine) {
    EXPECT_THAT(lines(), testing::IsEmpty());
}

TEST_F(QueueJsonTest, HasEverythingThatIsKnownOfAMessage) {
    call_.operands = {"a@x.test", "b@y.test", "c@z.test"};
    call_.envelope_id = "id7";
    call_.notify = static_cast<mail::NotifySet>(mail::Notify::delay);
    std::string id;
    std::string box;
    {
        auto result = submit("hi\n");
        const Accepted& accepted = *result.accepted;
        mail::RecipientOutcome greylisted(
            mail::OutcomeKind::deferred, {4, 7, 1}, "4.7.1 \"come\x1b back\""
        );
        greylisted.reply_code = 451;
        greylisted.remote_host = "mx.y.test";
        greylisted.remote_address = "192.0.2.1";
        const spool::OutcomeRecord done{
            0, clock_.now(), {mail::OutcomeKind::delivered, {2, 0, 0}, "ok"}};
        ASSERT_TRUE(disk_.pwrite(
            accepted.committed->file.get(),
            spool::encode_record(done) +
                spool::encode_record(spool::OutcomeRecord{1, clock_.now(), greylisted}),
            accepted.committed->journal_offset
        ));
        id = accepted.id;
        box = accepted.box->path();
    }
    const auto found = lines();
    ASSERT_EQ(found.size(), 1U);
    const std::string& line = found[0];
    EXPECT_THAT(
        line,
        testing::StartsWith(
            R"({"queue_name":"deferred","queue_id":")" + id +
            R"(","arrival_time":1704110400,"message_size":)"
        )
    );
    EXPECT_THAT(
        line,
        HasSubstr(
            R"("sender":"alice@example.com","recipients":[{"address":"b@y.test","state":"deferred",)"
            R"("attempts":1,)"
            R"("delay_reason":"Deferred: 451 4.7.1 \"come? back\", says mx.y.test.",)"
            R"("last_attempt":1704110400,"status":"4.7.1","reply_code":451,)"
            R"("reply":"451 4.7.1 \"come? back\"","host":"mx.y.test","host_address":"192.0.2.1",)"
            R"("tls":"","notify":["delay"],"orcpt":"rfc822;b@y.test"},)"
            R"({"address":"c@z.test","state":"new","attempts":0,"notify":["delay"],)"
            R"("orcpt":"rfc822;c@z.test"}],"finished":[{"address":"a@x.test","state":"delivered",)"
        )
    );
    EXPECT_THAT(
        line,
        testing::EndsWith(
            R"("box":")" + box + R"(","uid":)" + std::to_string(::getuid()) +
            R"(,"next_attempt":1704110400,"is_due":true,"has_engine":false,"attempts":1,)"
            R"("note":"","is_over_limit":false,"is_held":false,"requests":[],"flags":[],"envid":"id7","ret":""})"
        )
    );
}

}  // namespace
}  // namespace mxpost::submit
