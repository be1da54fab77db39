// `sendmail -bs` with a spool, over descriptors: what is queued, what is replied, how it ends.
#include "submit/smtp_dialogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>

#include "submission_fixture.h"
#include "support/needs_vfork.h"

namespace mxpost::submit {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class SmtpDialogue : public SubmissionFixture {
protected:
    SmtpDialogue() { call_.delivery_mode = config::DeliveryMode::queue; }

    /// What the client sees of a dialogue that it writes at once.
    std::string talk(std::string_view input, const char* engine = "/nonexistent/engine") {
        const Fd in(::memfd_create("input", MFD_CLOEXEC));
        const Fd out(::memfd_create("output", MFD_CLOEXEC));
        EXPECT_EQ(::write(in.get(), input.data(), input.size()), ssize_t(input.size()));
        ::lseek(in.get(), 0, SEEK_SET);
        const EngineStarter starter(engine, {});
        status_ = run_smtp_dialogue(around_, call_, starter, in.get(), out.get());
        std::string said(static_cast<std::size_t>(::lseek(out.get(), 0, SEEK_END)), '\0');
        EXPECT_EQ(::pread(out.get(), said.data(), said.size(), 0), ssize_t(said.size()));
        return said;
    }

    ExitStatus status_ = ExitStatus::software;
};

TEST_F(SmtpDialogue, TakesSeveralMessages) {
    const std::string said = talk(
        "EHLO client.test\r\nMAIL FROM:<a@x.test> RET=HDRS ENVID=id+2B1\r\n"
        "RCPT TO:<b@y.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;c+2B@y.test\r\nRCPT TO:<B@y.test>\r\n"
        "DATA\r\nSubject: one\r\n\r\n..dot\r\n.\r\n"
        "MAIL FROM:<>\r\nRCPT TO:<bob>\r\nDATA\r\n.\r\nQUIT\r\n"
    );
    EXPECT_EQ(status_, ExitStatus::ok);
    EXPECT_THAT(said, StartsWith("220 web1.example.com ESMTP mxpost\r\n"));
    EXPECT_THAT(said, EndsWith("221 2.0.0 web1.example.com bye\r\n"));
    const auto names = queued();
    ASSERT_EQ(names.size(), 2U);
    auto boxes = spool::list_boxes(disk_, root(), ::getuid()).value();
    for (const spool::EntryName& name : names) {
        EXPECT_THAT(said, HasSubstr("\r\n250 2.0.0 queued as " + name.id + "\r\n"));
        const auto message = spool::read_message(disk_, boxes.at(0), name).value();
        const mail::Envelope& envelope = message.envelope();
        if (!envelope.sender) {
            EXPECT_THAT(recipients(envelope), testing::ElementsAre("bob@example.com"));
            EXPECT_EQ(envelope.recipients[0].notify, 0);
            EXPECT_THAT(message.header(), HasSubstr("From: MAILER-DAEMON@example.com\r\n"));
            continue;
        }
        EXPECT_EQ(envelope.sender->text(), "a@x.test");
        EXPECT_THAT(recipients(envelope), testing::ElementsAre("b@y.test", "B@y.test"));
        EXPECT_EQ(envelope.recipients[0].notify, 2 | 8);
        EXPECT_EQ(envelope.recipients[0].original_recipient, "rfc822;c+2B@y.test");
        EXPECT_EQ(envelope.dsn_return, mail::DsnReturn::headers);
        EXPECT_EQ(envelope.envelope_id, "id+2B1");
        EXPECT_THAT(
            message.header(),
            StartsWith(
                "Received: from client.test\r\n\tby web1.example.com (mxpost, from userid " +
                std::to_string(::getuid()) + ") with ESMTP\r\n\tid " + name.id + "; "
            )
        );
        EXPECT_THAT(message.header(), HasSubstr("\r\nSubject: one\r\n"));
        EXPECT_THAT(message.header(), HasSubstr("\r\nMessage-ID: <"));
        EXPECT_EQ(message.preamble().body_size, std::string_view(".dot\r\n").size());
    }
}

TEST_F(SmtpDialogue, AScriptMayUseLineFeeds) {
    const std::string said =
        talk("MAIL FROM: carol\nRCPT TO: bob@x.test\nDATA\nSubject: x\n\n.\r\nend\n.\nQUIT\n");
    EXPECT_EQ(status_, ExitStatus::ok);
    EXPECT_THAT(said, EndsWith("221 2.0.0 web1.example.com bye\r\n"));
    const auto message = only_message();
    EXPECT_EQ(message.envelope().sender->text(), "carol@example.com");
    EXPECT_THAT(
        message.header(), StartsWith("Received: by web1.example.com (mxpost, from userid ")
    );
    EXPECT_THAT(message.header(), HasSubstr(") with SMTP\r\n"));
    EXPECT_EQ(message.preamble().body_size, std::string_view("\r\nend\r\n").size());
}

TEST_F(SmtpDialogue, AnInputThatEndsWithinAMessageQueuesNothing) {
    const std::string whole =
        "EHLO c\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nDATA\r\nhi\r\n.\r\n";
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const std::string said = talk(whole.substr(0, length));
        const bool is_within = length >= whole.find("hi");
        EXPECT_EQ(status_, is_within ? ExitStatus::data_error : ExitStatus::ok) << length;
        EXPECT_THAT(said, Not(HasSubstr("queued"))) << length;
    }
    EXPECT_TRUE(queued().empty());
    EXPECT_THAT(talk(whole), HasSubstr("250 2.0.0 queued"));
    EXPECT_EQ(status_, ExitStatus::ok);
    EXPECT_EQ(queued().size(), 1U);
}

TEST_F(SmtpDialogue, AFullDiskGives452) {
    settings_.min_free_space = UINT64_MAX;
    const std::string said =
        talk("HELO c\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nDATA\r\n");
    EXPECT_THAT(said, HasSubstr("\r\n452 4.3.1 can't queue the message: "));
    EXPECT_EQ(status_, ExitStatus::ok);
    EXPECT_TRUE(queued().empty());
}

TEST_F(SmtpDialogue, WithoutSpoolAndEngineNothingIsAccepted) {
    MXPOST_NEEDS_VFORK();
    settings_.spool = directory_ / "none";
    call_.delivery_mode = config::DeliveryMode::background;
    const std::string said =
        talk("HELO c\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n");
    EXPECT_THAT(said, HasSubstr("\r\n451 4.3.0 no spool can be written to, and "));
    EXPECT_THAT(said, EndsWith("221 2.0.0 web1.example.com bye\r\n"));
}

TEST_F(SmtpDialogue, EnginesThatHaveEndedAreNotLeftAsZombies) {
    call_.delivery_mode = config::DeliveryMode::background;
    std::string input;
    for (int i = 0; i < 20; ++i) {
        input += "MAIL FROM:<>\r\nRCPT TO:<b@y.test>\r\nDATA\r\n.\r\n";
    }
    const std::string said = talk(input, "/bin/true");
    EXPECT_EQ(queued().size(), 20U);
    EXPECT_TRUE(log_.lines.size() == 20U) << log_.lines.back();
    // The last one, and one that had let go of the box but not ended when it was looked for.
    int left = 0;
    while (::waitpid(-1, nullptr, 0) > 0) {
        ++left;
    }
    EXPECT_GE(left, 1);
    EXPECT_LE(left, 2);
}

TEST_F(SmtpDialogue, TooBigIsRefusedBeforeAndAfterItCame) {
    settings_.message_size_limit = 100000;
    const std::string said = talk(
        "EHLO c\r\nMAIL FROM:<a@x.test> SIZE=100001\r\nMAIL FROM:<a@x.test>\r\nRCPT "
        "TO:<b@y.test>\r\n"
        "DATA\r\n" +
        std::string(100000, 'x') + "\r\n.\r\nQUIT\r\n"
    );
    EXPECT_THAT(said, HasSubstr("\r\n552 5.3.4 message too big\r\n250 2.1.0 ok\r\n"));
    EXPECT_THAT(said, HasSubstr("\r\n552 5.3.4 message too big\r\n221 "));
    EXPECT_TRUE(queued().empty());
}

}  // namespace
}  // namespace mxpost::submit
