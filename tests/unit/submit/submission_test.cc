#include "submit/submission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "submission_fixture.h"

namespace mxpost::submit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Submission = SubmissionFixture;

TEST_F(Submission, QueuesHeaderBodyAndEnvelope) {
    call_.takes_recipients = true;
    call_.operands = {"d@x.test"};
    const auto result = submit("To: a@x.test, bob\nBcc: c@y.test\nSubject: hi\n\nline\n.\nafter\n");
    ASSERT_TRUE(result.accepted) << result.text;
    const spool::MessageFile message = only_message();
    EXPECT_EQ(message.envelope().sender->text(), "alice@example.com");
    EXPECT_THAT(
        recipients(message.envelope()),
        ElementsAre("d@x.test", "a@x.test", "bob@example.com", "c@y.test")
    );
    EXPECT_THAT(message.header(), HasSubstr("To: a@x.test, bob@example.com\r\n"));
    EXPECT_THAT(message.header(), HasSubstr("From: \"Alice Q. Tester\" <alice@example.com>\r\n"));
    EXPECT_THAT(message.header(), Not(HasSubstr("c@y.test")));
    EXPECT_EQ(message.preamble().body_size, 6U);  // the dot ended it
    EXPECT_FALSE(message.envelope().is_incomplete);
    EXPECT_FALSE(message.envelope().is_followed);
    EXPECT_EQ(message.envelope().arrival, clock_.now());
}

TEST_F(Submission, LogsOneLine) {
    call_.operands = {"a@x.test", "b@x.test"};
    call_.sender = "<>";
    const auto result = submit("Message-ID: <m@x>\n\nhi\n");
    ASSERT_TRUE(result.accepted);
    const std::string size = std::to_string(only_message().content_size());
    EXPECT_THAT(
        log_.lines,
        ElementsAre(
            result.accepted->id + ": uid=" + std::to_string(::getuid()) + " from=<> size=" + size +
            " nrcpt=2 message-id=<m@x> (queued)"
        )
    );
}

TEST_F(Submission, HoldsTheMessagesLockUntilItIsGivenFree) {
    call_.operands = {"a@x.test"};
    auto result = submit("hi\n");
    ASSERT_TRUE(result.accepted);
    EXPECT_TRUE(spool::is_claimed(disk_, *result.accepted->box, result.accepted->committed->name));
    result.accepted->committed.reset();
    EXPECT_FALSE(spool::is_claimed(disk_, *result.accepted->box, queued().at(0)));
}

TEST_F(Submission, TheSendersFormsAreReducedToItsAddress) {
    call_.operands = {"a@x.test"};
    for (const auto& [given, expected] : std::vector<std::pair<const char*, const char*>>{
             {"z@x.test", "z@x.test"},
             {"Zed <z@x.test>", "z@x.test"},
             {"z@x.test\r\n", "z@x.test"},
             {"zed", "zed@example.com"},
             {"", ""},
             {"<>", ""}}) {
        call_.sender = given;
        const auto result = submit("hi\n");
        ASSERT_TRUE(result.accepted) << given << ": " << result.text;
        EXPECT_EQ(mail::path_text(result.accepted->envelope.sender), expected);
    }
}

TEST_F(Submission, ASenderThatIsNoAddressSendsNothing) {
    call_.operands = {"a@x.test"};
    for (const char* given : {"z@x@y", "a@x.test, b@x.test", "<z@x.test", "z@x\nRCPT TO:<q@r>"}) {
        call_.sender = given;
        const auto result = submit("hi\n");
        EXPECT_FALSE(result.accepted) << given;
        EXPECT_EQ(result.status, ExitStatus::usage) << given;
    }
    EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(Submission, TheFullNameIsTheCallersOnlyForTheCallersAddress) {
    call_.operands = {"a@x.test"};
    call_.sender = "z@x.test";
    ASSERT_TRUE(submit("hi\n").accepted);
    EXPECT_THAT(only_message().header(), HasSubstr("From: z@x.test\r\n"));
}

TEST_F(Submission, FBeatsNameBeatsGecos) {
    call_.operands = {"a@x.test"};
    around_.full_name = "Name, \"Variable\"";
    ASSERT_TRUE(submit("hi\n").accepted);
    EXPECT_THAT(
        only_message().header(),
        HasSubstr("From: \"Name, \\\"Variable\\\"\" <alice@example.com>\r\n")
    );
}

TEST_F(Submission, InjectedLinesOfFDontBecomeFields) {
    call_.operands = {"a@x.test"};
    call_.full_name = "x\r\nBcc: q@r.test\r\n\r\nbody";
    ASSERT_TRUE(submit("hi\n").accepted);
    EXPECT_THAT(only_message().header(), Not(HasSubstr("\nBcc")));
}

TEST_F(Submission, TheSenderRulesReachEnvelopeAndHeaderAlike) {
    around_.senders = mail::SenderRewriter(
        mail::parse_sender_map("alice noreply@out.example").map, {"example.com"}, {}
    );
    call_.operands = {"r@a.test"};
    ASSERT_TRUE(submit("From: alice\n\nbody\n").accepted);
    const auto file = only_message();
    EXPECT_EQ(mail::path_text(file.envelope().sender), "noreply@out.example");
    EXPECT_NE(
        file.header().find("From: noreply@out.example\r\nX-Original-From: alice@example.com\r\n"),
        std::string::npos
    ) << file.header();
}

TEST_F(Submission, TheSenderRulesLeaveNullSendersAndRelayedMail) {
    around_.senders =
        mail::SenderRewriter(mail::parse_sender_map("* noreply@out.example").map, {}, {});
    call_.operands = {"r@a.test"};
    call_.sender = "<>";
    EXPECT_EQ(submit("From: a@b.example\n\n").accepted->envelope.sender, std::nullopt);
    call_.sender = "a@b.example";
    call_.is_gateway = true;
    const auto relayed = submit("From: a@b.example\n\n");
    EXPECT_EQ(mail::path_text(relayed.accepted->envelope.sender), "a@b.example");
}

TEST_F(Submission, NobodyIsAUsageError) {
    EXPECT_EQ(submit("To: a@x.test\n\n").status, ExitStatus::usage);
    call_.takes_recipients = true;
    const auto result = submit("Subject: x\nTo: undisclosed-recipients:;\n\nbody\n");
    EXPECT_EQ(result.status, ExitStatus::usage);
    EXPECT_EQ(result.text, "no recipient addresses in the header");
    EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(Submission, BadRecipientsAreNamedAndDontStopTheGoodOnes) {
    call_.takes_recipients = true;
    const auto result = submit("To: good@x.test\nCc: b@y@z\n\nbody\n");
    ASSERT_TRUE(result.accepted);
    EXPECT_THAT(recipients(result.accepted->envelope), testing::Contains("good@x.test"));
    EXPECT_EQ(result.bad.size(), 1U);
}

TEST_F(Submission, OnlyBadRecipientsIsADataError) {
    call_.operands = {"-x"};
    const auto result = submit("body\n");
    EXPECT_FALSE(result.accepted);
    EXPECT_EQ(result.status, ExitStatus::data_error);
    EXPECT_EQ(result.bad.size(), 1U);
    EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(Submission, TooManyRecipientsAreRefused) {
    settings_.max_recipients = 2;
    call_.operands = {"a@x.test,b@x.test", "a@x.test"};
    EXPECT_TRUE(submit("hi\n").accepted);  // twice the same is one
    call_.operands.push_back("c@x.test");
    const auto result = submit("hi\n");
    EXPECT_EQ(result.status, ExitStatus::unavailable);
    EXPECT_EQ(result.text, "552 5.5.3 too many recipients: 3, the limit is 2");
}

TEST_F(Submission, TooManyHopsAreALoop) {
    call_.operands = {"a@x.test"};
    call_.hop_count = 99;
    EXPECT_EQ(submit("hi\n").status, ExitStatus::unavailable);
    call_.hop_count = UINT64_MAX;
    EXPECT_EQ(submit("hi\n").status, ExitStatus::unavailable);
    call_.hop_count = 0;
    std::string header;
    for (int i = 0; i < 98; ++i) {
        header += "Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\n";
    }
    EXPECT_TRUE(submit(header + "\nhi\n").accepted);
    EXPECT_EQ(submit("Received: x\n" + header + "\nhi\n").status, ExitStatus::unavailable);
}

TEST_F(Submission, TooBigLeavesNothingAndReadsOn) {
    call_.operands = {"a@x.test"};
    settings_.message_size_limit = 1U << 20U;
    const auto result = submit(std::string(3U << 20U, 'x'));
    EXPECT_EQ(result.status, ExitStatus::unavailable);
    EXPECT_EQ(result.text, "552 5.3.4 message too big: the limit is 1M");
    EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(Submission, AHeaderOverItsLimitIsRefused) {
    call_.operands = {"a@x.test"};
    settings_.header_size_limit = 1000;
    const auto result = submit("X: " + std::string(2000, 'x') + "\n\nbody\n");
    EXPECT_EQ(result.status, ExitStatus::unavailable);
    EXPECT_THAT(result.text, HasSubstr("552 5.3.4"));
    EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(Submission, EmptyInputIsAMessage) {
    call_.operands = {"a@x.test"};
    ASSERT_TRUE(submit("").accepted);
    EXPECT_EQ(only_message().preamble().body_size, 0U);
    EXPECT_THAT(only_message().header(), HasSubstr("Message-ID: <"));
}

TEST_F(Submission, AHostWithoutNameLeavesAddressesToTheEngine) {
    around_.names = {"", "3f2a1b"};
    call_.operands = {"bob"};
    ASSERT_TRUE(submit("hi\n").accepted);
    const spool::MessageFile message = only_message();
    EXPECT_TRUE(message.envelope().is_incomplete);
    EXPECT_EQ(message.envelope().sender->text(), "alice");
    EXPECT_THAT(recipients(message.envelope()), ElementsAre("bob"));
}

TEST_F(Submission, DeliveryReportWishesGoIntoTheEnvelope) {
    call_.operands = {"b+c@x.test", "bob"};
    call_.notify = 2 | 8;
    call_.dsn_return = mail::DsnReturn::headers;
    call_.envelope_id = "QQ";
    ASSERT_TRUE(submit("hi\n").accepted);
    const spool::MessageFile message = only_message();
    EXPECT_EQ(message.envelope().recipients[0].notify, 2 | 8);
    EXPECT_EQ(message.envelope().recipients[0].original_recipient, "rfc822;b+2Bc@x.test");
    EXPECT_EQ(message.envelope().dsn_return, mail::DsnReturn::headers);
    EXPECT_EQ(message.envelope().envelope_id, "QQ");
}

TEST_F(Submission, EachFailingCallLeavesNothingAndIsTemporary) {
    call_.operands = {"a@x.test"};
    ASSERT_TRUE(submit("hi\n").accepted);
    const std::size_t calls = files_.count();
    for (std::size_t nth = 1; nth <= calls; ++nth) {
        const std::size_t before = queued().size();
        files_.fail(nth, EIO);
        const auto result = submit("hi\n");
        files_.heal();
        const std::size_t added = queued().size() - before;
        if (result.accepted) {
            EXPECT_EQ(added, 1U) << "call " << nth;  // a call that may fail
        } else {
            EXPECT_EQ(added, 0U) << "call " << nth;
            EXPECT_EQ(result.status, ExitStatus::temp_fail) << "call " << nth;
            EXPECT_THAT(result.text, HasSubstr("can't queue the message: "));
        }
    }
}

TEST_F(Submission, AFullDiskIsTemporaryAndNoReasonToTryElsewhere) {
    call_.operands = {"a@x.test"};
    for (const int error : {ENOSPC, EDQUOT, EIO, EFBIG}) {
        files_.fail(1, error, "write");
        const auto result = submit("hi\n");
        files_.heal();
        EXPECT_FALSE(result.accepted);
        EXPECT_EQ(result.status, ExitStatus::temp_fail);
    }
    EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(Submission, TheFileSizeLimitIsNamed) {
    call_.operands = {"a@x.test"};
    files_.fail(1, EFBIG, "write");
    EXPECT_THAT(submit("hi\n").text, HasSubstr("ulimit -f"));
}

TEST_F(Submission, KeepsTheWantedRoomFree) {
    call_.operands = {"a@x.test"};
    settings_.min_free_space = 1'000'000ULL << 40U;
    const auto result = submit("hi\n");
    EXPECT_EQ(result.status, ExitStatus::temp_fail);
    EXPECT_THAT(result.text, HasSubstr("less than min-free-space (1000000T) is free on " + root()));
    EXPECT_THAT(queued(), IsEmpty());
    settings_.min_free_space = UINT64_MAX;
    EXPECT_THAT(submit("hi\n").text, HasSubstr("(18446744073709551615)"));
}

TEST_F(Submission, BoundsTheMessagesOfOneUser) {
    call_.operands = {"a@x.test"};
    settings_.max_queued_messages = 2;
    EXPECT_TRUE(submit("hi\n").accepted);
    EXPECT_TRUE(submit("hi\n").accepted);
    const auto result = submit("hi\n");
    EXPECT_EQ(result.status, ExitStatus::temp_fail);
    EXPECT_THAT(result.text, HasSubstr("2 messages of this user"));
}

TEST_F(Submission, BoundsTheOctetsOfOneUser) {
    call_.operands = {"a@x.test"};
    settings_.max_queued_size = 100'000;
    EXPECT_TRUE(submit(std::string(60'000, 'x') + "\n").accepted);
    const auto refused = submit(std::string(60'000, 'x') + "\n");
    EXPECT_FALSE(refused.accepted);
    EXPECT_EQ(refused.status, ExitStatus::temp_fail);
    EXPECT_THAT(refused.text, HasSubstr("would exceed 100000 octets (max-queued-size)"));
    EXPECT_EQ(queued().size(), 1U);
    EXPECT_TRUE(submit("a small one fits\n").accepted);
}

TEST_F(Submission, BoundsTheRecipientsOfOneUserAndForgetsThoseThatAreServed) {
    call_.operands = {"a@x.test", "b@x.test", "c@x.test"};
    settings_.max_queued_recipients = 5;
    EXPECT_TRUE(submit("hi\n").accepted);
    const auto refused = submit("hi\n");
    EXPECT_EQ(refused.status, ExitStatus::temp_fail);
    EXPECT_THAT(refused.text, HasSubstr("would exceed 5 recipients (max-queued-recipients)"));
    const auto names = queued();
    ASSERT_EQ(names.size(), 1U);
    const std::string box = root() + "/" + std::to_string(::getuid());
    ASSERT_EQ(::unlink((box + "/" + names[0].text()).c_str()), 0);
    EXPECT_TRUE(submit("hi\n").accepted);
}

TEST_F(Submission, KeepsNoAccountOfAQueueThatCanNotBeOverItsLimits) {
    call_.operands = {"a@x.test"};
    const auto result = submit("hi\n");
    ASSERT_TRUE(result.accepted);
    EXPECT_FALSE(disk_.stat(result.accepted->box->directory(), ".usage"));
}

TEST_F(Submission, TriesTheSystemSpoolWhereTheConfiguredOneIsNotForUs) {
    const std::string other = directory_ / "other";
    ::mkdir(other.c_str(), 0700);
    around_.system_spool = other;
    settings_.spool = directory_ / "none";
    call_.operands = {"a@x.test"};
    const auto result = submit("hi\n");
    ASSERT_TRUE(result.accepted);
    EXPECT_THAT(result.accepted->box->path(), testing::StartsWith(other));
}

TEST_F(Submission, TriesTheHomeOfOrdinaryUsersLast) {
    // Made by this uid, so it may be used whatever uid the identity claims.
    around_.identity.home = directory_ / "home";
    ::mkdir(around_.identity.home.c_str(), 0700);
    settings_.spool = directory_ / "none";
    call_.operands = {"a@x.test"};
    const auto result = submit("hi\n");
    ASSERT_TRUE(result.accepted);
    if (::getuid() >= 1000) {
        EXPECT_THAT(result.accepted->box->path(), HasSubstr("/home/.local/state/mxpost/"));
    } else {
        EXPECT_FALSE(result.accepted->box);
    }
}

TEST_F(Submission, WithoutSpoolTheMessageWaitsInMemory) {
    settings_.spool = directory_ / "none";
    call_.operands = {"a@x.test"};
    auto result = submit("Subject: x\n\nhi\n");
    ASSERT_TRUE(result.accepted) << result.text;
    EXPECT_FALSE(result.accepted->box);
    const auto message = spool::MessageFile::read(disk_, std::move(result.accepted->memory_file));
    ASSERT_TRUE(message) << message.error().message();
    EXPECT_EQ(message->preamble().body_size, 4U);
    EXPECT_TRUE(message->envelope().is_followed);
    EXPECT_THAT(log_.lines.at(0), HasSubstr("(no spool: sent at once)"));
}

TEST_F(Submission, WithoutSpoolNothingCanBeLeftForLater) {
    settings_.spool = directory_ / "none";
    call_.operands = {"a@x.test"};
    call_.delivery_mode = config::DeliveryMode::queue;
    const auto result = submit("hi\n");
    EXPECT_FALSE(result.accepted);
    EXPECT_EQ(result.status, ExitStatus::temp_fail);
}

TEST_F(Submission, AnInputThatCantBeReadIsAnIoError) {
    call_.operands = {"a@x.test"};
    const Fd directory(::open(directory_.path().c_str(), O_RDONLY | O_CLOEXEC));
    const auto result = submit_message(around_, call_, false, directory.get());
    EXPECT_EQ(result.status, ExitStatus::io_error);
    EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(Submission, DoesntWaitForTheEndBehindALoneDot) {
    call_.operands = {"a@x.test"};
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const Fd reading(ends[0]);
    const Fd writing(ends[1]);  // stays open: no end of file
    constexpr std::string_view kInput = "hi\n.\n";
    ASSERT_EQ(::write(writing.get(), kInput.data(), kInput.size()), ssize_t(kInput.size()));
    EXPECT_TRUE(submit_message(around_, call_, false, reading.get()).accepted);
}

}  // namespace
}  // namespace mxpost::submit
