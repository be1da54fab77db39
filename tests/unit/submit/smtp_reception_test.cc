#include "submit/smtp_reception.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "submission_fixture.h"

namespace mxpost::submit {
namespace {

using testing::StartsWith;

class SmtpReceptionTest : public SubmissionFixture {
protected:
    static protocol::IncomingMail incoming(std::string helo = "me.test") {
        protocol::IncomingMail result;
        result.mail.sender = mail::Address("s", "x.test");
        result.recipients.emplace_back(mail::Address("r", "y.test"));
        result.helo_name = std::move(helo);
        result.protocol = "ESMTP";
        return result;
    }

    /// The first line of what is queued for a session from `address`.
    std::string received_line(const std::string& helo, const std::string& address) {
        SmtpOrigin origin;
        origin.address = address;
        SmtpReception reception(around_, origin);
        EXPECT_FALSE(reception.begin(incoming(helo)));
        EXPECT_FALSE(reception.content("hi\r\n"));
        EXPECT_FALSE(reception.end());
        EXPECT_TRUE(reception.intake().commit());
        const auto name = reception.intake().take_accepted().committed->name;
        auto boxes = spool::list_boxes(disk_, root(), ::getuid()).value();
        const std::string header = spool::read_message(disk_, boxes.at(0), name).value().header();
        return header.substr(0, header.find('\r'));
    }
};

TEST_F(SmtpReceptionTest, OnlyNamesAndLiteralsAreRepeated) {
    EXPECT_EQ(received_line("me.test", "[192.0.2.1]"), "Received: from me.test ([192.0.2.1])");
    EXPECT_EQ(received_line("[IPv6:::1]", "[IPv6:::1]"), "Received: from [IPv6:::1] ([IPv6:::1])");
    EXPECT_EQ(received_line("a(b;c", "[192.0.2.1]"), "Received: from unknown ([192.0.2.1])");
    EXPECT_EQ(received_line("[x y]", "[192.0.2.1]"), "Received: from unknown ([192.0.2.1])");
    EXPECT_EQ(received_line("", "[192.0.2.1]"), "Received: from unknown ([192.0.2.1])");
    EXPECT_EQ(received_line("me_1.test", ""), "Received: from me_1.test");
    EXPECT_EQ(received_line("<me>", ""), "Received: from unknown");
    EXPECT_THAT(
        received_line("", ""), StartsWith("Received: by web1.example.com (mxpost) with ESMTP")
    );
}

TEST_F(SmtpReceptionTest, TheProcesssOwnNameIsForItsUserOnly) {
    around_.full_name = "Daemon";
    for (const bool is_own : {false, true}) {
        SmtpOrigin origin;
        origin.uid = ::getuid() + (is_own ? 0U : 1U);
        SmtpReception reception(around_, origin);
        ASSERT_FALSE(reception.begin(incoming()));
        ASSERT_FALSE(reception.end());
        ASSERT_TRUE(reception.intake().commit());
        const auto name = reception.intake().take_accepted().committed->name;
        auto boxes = spool::list_boxes(disk_, root(), ::getuid()).value();
        const std::string header = spool::read_message(disk_, boxes.at(0), name).value().header();
        EXPECT_EQ(header.find("\r\nFrom: Daemon <s@x.test>\r\n") != std::string::npos, is_own)
            << header;
    }
}

TEST_F(SmtpReceptionTest, RefusesWhatSubmissionRefuses) {
    settings_.message_size_limit = 1000;
    SmtpReception reception(around_, SmtpOrigin());
    ASSERT_FALSE(reception.begin(incoming()));
    EXPECT_FALSE(reception.content("Subject: x\r\n\r\n"));
    auto refusal = reception.content(std::string(100000, 'x'));
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->code, 552);
    EXPECT_THAT(refusal->text, StartsWith("5.3.4 message too big"));
    EXPECT_FALSE(reception.has_intake());

    // A header without a body is only looked at when it is complete.
    std::string loop;
    for (int i = 0; i < 100; ++i) {
        loop += "Received: x\r\n";
    }
    ASSERT_FALSE(reception.begin(incoming()));
    EXPECT_FALSE(reception.content(loop));
    refusal = reception.end();
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->code, 554);
    EXPECT_THAT(refusal->text, StartsWith("5.4.6 too many hops"));
    EXPECT_TRUE(queued().empty());
}

TEST(ReplyFor, SaysWhatKindOfRefusalItIs) {
    const auto text = [](const Refusal& refusal) {
        const protocol::ServerReply reply = reply_for(refusal);
        return std::to_string(reply.code) + " " + reply.text;
    };
    EXPECT_EQ(text({ExitStatus::unavailable, "552 5.3.4 too big", false}), "552 5.3.4 too big");
    EXPECT_EQ(text({ExitStatus::temp_fail, "can't write", false}), "451 4.3.0 can't write");
    EXPECT_EQ(text({ExitStatus::temp_fail, "can't write", true}), "452 4.3.1 can't write");
    EXPECT_EQ(text({ExitStatus::os_error, "no process", false}), "451 4.3.0 no process");
    EXPECT_EQ(text({ExitStatus::no_user, "who?", false}), "554 5.0.0 who?");
    EXPECT_EQ(text({ExitStatus::unavailable, "no\r\n250 ok", false}), "554 5.0.0 no??250 ok");
    EXPECT_EQ(text({ExitStatus::unavailable, "200 ways", false}), "554 5.0.0 200 ways");
}

TEST_F(SmtpReceptionTest, AGreetingNeedsAName) {
    EXPECT_EQ(server_settings(around_).host_name, "web1.example.com");
    around_.names.host = "no name";
    EXPECT_EQ(server_settings(around_).host_name, "localhost");
}

}  // namespace
}  // namespace mxpost::submit
