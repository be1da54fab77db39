#include "submit/intake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <errno.h>

#include "submission_fixture.h"

namespace mxpost::submit {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class IntakeTest : public SubmissionFixture {
protected:
    IntakeRequest request() {
        IntakeRequest result{Recipients(around_.names.domain)};
        result.recipients.add(mail::Recipient(mail::Address("r", "x.test")));
        result.sender = mail::Address("s", "");
        result.uid = ::getuid();
        return result;
    }

    /// Everything in the spool but the boxes themselves.
    std::vector<std::string> entries() {
        std::vector<std::string> names;
        const std::vector<spool::Box> boxes =
            spool::list_boxes(disk_, root(), spool::kAnyOwner).value();
        for (const spool::Box& box : boxes) {
            EXPECT_TRUE(disk_.list(box.directory(), [&](std::string_view name, unsigned char) {
                names.emplace_back(name);
                return true;
            }));
        }
        return names;
    }

    bool take(Intake& intake, std::string_view content) {
        return intake.open() && intake.append(content) && intake.finish() && intake.commit();
    }
};

TEST_F(IntakeTest, LeavesNothingWhenThrownAwayAtAnyStep) {
    for (int steps = 0; steps <= 3; ++steps) {
        Intake intake(around_, request());
        EXPECT_TRUE(steps < 1 || intake.open());
        EXPECT_TRUE(steps < 2 || intake.append("Subject: x\r\n\r\n" + std::string(200000, 'x')));
        EXPECT_TRUE(steps < 3 || intake.finish());
    }
    EXPECT_THAT(entries(), IsEmpty());
}

TEST_F(IntakeTest, GoesToTheGivenBoxWhereThereIsOne) {
    const auto box = spool::open_own_box(disk_, root(), ::getuid(), clock_, random_).value();
    settings_.spool = directory_ / "elsewhere";
    IntakeRequest wanted = request();
    wanted.box = &box;
    Intake intake(around_, std::move(wanted));
    ASSERT_TRUE(take(intake, "hi\r\n")) << intake.refusal().text;
    const Accepted accepted = intake.take_accepted();
    EXPECT_FALSE(accepted.box);
    ASSERT_TRUE(accepted.committed);
    EXPECT_EQ(accepted.id, intake.id());
    EXPECT_THAT(entries(), testing::ElementsAre(accepted.committed->name.text()));
}

TEST_F(IntakeTest, SettlesWhatOthersHaveCommitted) {
    Intake intake(around_, request());
    ASSERT_TRUE(intake.open() && intake.append("hi\r\n") && intake.finish());
    ASSERT_TRUE(intake.is_spooled());
    ASSERT_TRUE(intake.writer().sync_content(intake.is_eight_bit(), intake.has_long_lines()));
    ASSERT_TRUE(intake.writer().link(intake.due()));
    ASSERT_TRUE(disk_.fsync(intake.writer().directory()));
    ASSERT_TRUE(intake.settle(intake.writer().finish()));
    EXPECT_EQ(log_.lines.size(), 1U);
    EXPECT_EQ(intake.take_accepted().envelope.sender->text(), "s@example.com");
    EXPECT_EQ(queued().size(), 1U);
}

TEST_F(IntakeTest, AFailedCommitOfOthersIsARefusal) {
    Intake intake(around_, request());
    ASSERT_TRUE(intake.open() && intake.append("hi\r\n") && intake.finish());
    EXPECT_FALSE(intake.settle(Error::from_errno(ENOSPC, "write")));
    EXPECT_EQ(intake.refusal().status, ExitStatus::temp_fail);
    EXPECT_TRUE(intake.refusal().lacks_room);
    EXPECT_THAT(intake.refusal().text, StartsWith("can't queue the message: write: "));
    EXPECT_THAT(log_.lines, IsEmpty());
}

TEST_F(IntakeTest, SmtpUtf8IsForHeadersThatNeedIt) {
    for (const bool is_needed : {false, true}) {
        IntakeRequest asked = request();
        asked.is_smtp_utf8 = true;
        Intake intake(around_, std::move(asked));
        const std::string text =
            is_needed ? "Subject: \xc3\xa4\r\n\r\nx\r\n" : "Subject: a\r\n\r\n\xc3\xa4\r\n";
        ASSERT_TRUE(take(intake, text));
        const Accepted accepted = intake.take_accepted();
        EXPECT_EQ(accepted.envelope.is_smtp_utf8, is_needed);
        EXPECT_TRUE(accepted.envelope.is_eight_bit);
    }
}

TEST_F(IntakeTest, AHeaderWithoutSmtpUtf8BecomesAscii) {
    Intake intake(around_, request());
    ASSERT_TRUE(take(intake, "Subject: \xc3\xa4\r\n\r\nx\r\n"));
    const Accepted accepted = intake.take_accepted();
    EXPECT_FALSE(accepted.envelope.is_smtp_utf8);
    EXPECT_FALSE(accepted.envelope.is_eight_bit);
    EXPECT_THAT(only_message().header(), testing::HasSubstr("Subject: =?utf-8?B?w6Q=?=\r\n"));

    // What submission may not touch (sendmail -G).
    IntakeRequest passed_on = request();
    passed_on.is_gateway = true;
    Intake gateway(around_, std::move(passed_on));
    ASSERT_TRUE(take(gateway, "Subject: \xc3\xa4\r\n\r\nx\r\n"));
    EXPECT_TRUE(gateway.take_accepted().envelope.is_eight_bit);

    Intake address(around_, request());
    ASSERT_TRUE(take(address, "To: j\xc3\xb6rg@x.test\r\n\r\nx\r\n"));
    EXPECT_TRUE(address.take_accepted().envelope.is_smtp_utf8);
}

TEST_F(IntakeTest, ADotIsTextUnlessItEndsTheInput) {
    Intake text(around_, request());
    ASSERT_TRUE(take(text, "Subject: x\r\n\r\n.\r\nmore\r\n"));
    EXPECT_FALSE(text.is_ended());
    text.take_accepted();
    EXPECT_EQ(only_message().preamble().body_size, std::string_view(".\r\nmore\r\n").size());

    IntakeRequest request_with_end = request();
    request_with_end.ends_at_dot = true;
    Intake ended(around_, std::move(request_with_end));
    ASSERT_TRUE(take(ended, "Subject: x\r\n\r\n.\r\nmore\r\n"));
    EXPECT_TRUE(ended.is_ended());
}

TEST_F(IntakeTest, ReportWishesOfSmtpAreKeptAndNamed) {
    IntakeRequest wishes{Recipients("example.com")};
    mail::Recipient own(mail::Address("bob", ""));
    own.notify = 1;
    mail::Recipient original(mail::Address("c", "x.test"));
    original.notify = 2;
    original.original_recipient = "x400;given";
    wishes.recipients.add(own);
    wishes.recipients.add(original);
    wishes.recipients.add(mail::Recipient(mail::Address("d", "x.test")));
    Intake intake(around_, std::move(wishes));
    ASSERT_TRUE(take(intake, "hi\r\n"));
    const Accepted accepted = intake.take_accepted();
    const auto& recipients = accepted.envelope.recipients;
    ASSERT_EQ(recipients.size(), 3U);
    EXPECT_EQ(recipients[0].notify, 1);
    EXPECT_EQ(recipients[0].original_recipient, "rfc822;bob@example.com");
    EXPECT_EQ(recipients[1].original_recipient, "x400;given");
    EXPECT_EQ(recipients[2].notify, 0);
    EXPECT_EQ(recipients[2].original_recipient, "");
}

TEST_F(IntakeTest, ReceivedTellsWhoBroughtItAndHow) {
    IntakeRequest remote = request();
    remote.uid.reset();
    remote.client = "me.test ([192.0.2.1])";
    remote.protocol = "ESMTPS";
    Intake intake(around_, std::move(remote));
    ASSERT_TRUE(take(intake, "hi\r\n"));
    intake.take_accepted();
    EXPECT_THAT(
        only_message().header(),
        StartsWith("Received: from me.test ([192.0.2.1])\r\n\tby web1.example.com (mxpost) with "
                   "ESMTPS\r\n\tid ")
    );
    EXPECT_THAT(
        log_.lines.at(0), HasSubstr(": client=me.test ([192.0.2.1]) from=<s@example.com> ")
    );
}

}  // namespace
}  // namespace mxpost::submit
