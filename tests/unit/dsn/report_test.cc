#include "dsn/report.h"

#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "support/string_content.h"

namespace mxpost::dsn {
namespace {

using mail::Address;
using mail::DsnReturn;
using mail::Notify;
using mail::OutcomeKind;
using mail::Recipient;
using mail::SuccessReport;
using spool::ReportKind;
using test::StringContent;
using testing::HasSubstr;
using testing::Not;

constexpr std::chrono::hours kFiveDays{120};
const std::string kHeader =
    "From: alice@example.com\r\nTo: bob@example.org\r\nSubject: Hello\r\n"
    "Message-ID: <1@example.com>\r\n";

std::size_t count(std::string_view text, std::string_view part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string_view::npos;
         at = text.find(part, at + 1)) {
        ++found;
    }
    return found;
}

class ReportTest : public testing::Test {
protected:
    ReportTest() {
        envelope_.sender = Address("alice", "example.com");
        envelope_.arrival = WallTime(std::chrono::seconds(1704110400));  // 2024-01-01 12:00 UTC
        request_.envelope = &envelope_;
        request_.id = "01hk2w7yz0c0000000";
        request_.header = kHeader;
        request_.reporting_mta = "host.example.com";
        request_.report_id = "01hk2w7yz0c1111111";
        request_.now = envelope_.arrival + std::chrono::minutes(5);
        states_.reserve(8);
    }

    spool::RecipientState& add(const std::string& local_part, const std::string& domain) {
        envelope_.recipients.emplace_back(Address(local_part, domain));
        spool::RecipientState& state = states_.emplace_back();
        request_.recipients.emplace_back(
            static_cast<std::uint32_t>(envelope_.recipients.size() - 1), &state
        );
        request_.recipients.back().retry_until = envelope_.arrival + kFiveDays;
        return state;
    }

    void refuse(spool::RecipientState& state, const std::string& text) {
        state.last = mail::RecipientOutcome(OutcomeKind::failed, {5, 1, 1}, text);
        state.last->reply_code = 550;
        state.last->remote_host = "mx.example.org";
        state.last->remote_address = "192.0.2.1";
        state.last_time = request_.now;
        state.attempts = 1;
    }

    void defer(spool::RecipientState& state) {
        state.last = mail::RecipientOutcome(OutcomeKind::deferred, {4, 4, 1}, "connection refused");
        state.last->remote_host = "mx.example.org";
        state.last->remote_address = "192.0.2.1";
        state.last_time = request_.now;
        state.attempts = 29;
    }

    spool::RecipientState& succeed(
        const std::string& local_part, const std::string& domain, SuccessReport success
    ) {
        spool::RecipientState& state = add(local_part, domain);
        state.last = mail::RecipientOutcome(OutcomeKind::delivered, {2, 0, 0}, "2.0.0 Ok: queued");
        state.last->success = success;
        if (domain == "example.org") {
            state.last->reply_code = 250;
            state.last->remote_host = "mx.example.org";
            state.last->remote_address = "192.0.2.1";
        }
        state.last_time = request_.now;
        state.attempts = 1;
        request_.kind = ReportKind::success;
        return state;
    }

    /// tests/golden/dsn/NAME.eml, whose lines end with LF.
    void expect_golden(const std::string& name) {
        const Report report = make_report(request_);
        expect_deliverable(report);
        std::string text = report.header + "\r\n" + report.body;
        std::erase(text, '\r');
        std::ifstream file(MXPOST_SOURCE_DIR "/tests/golden/dsn/" + name + ".eml");
        ASSERT_TRUE(file.is_open()) << name;
        std::ostringstream expected;
        expected << file.rdbuf();
        EXPECT_EQ(text, expected.str()) << name;
    }

    /// What every report must be, whatever came in.
    static void expect_deliverable(const Report& report) {
        const std::string text = report.header + "\r\n" + report.body;
        std::size_t line_start = 0;
        for (std::size_t i = 0; i < text.size(); ++i) {
            ASSERT_NE(text[i], '\0');
            ASSERT_EQ(text[i] == '\r', i + 1 < text.size() && text[i + 1] == '\n') << i;
            if (text[i] == '\n') {
                ASSERT_LE(i - line_start, 999U);
                line_start = i + 1;
            }
        }
        EXPECT_EQ(line_start, text.size());
        EXPECT_THAT(report.header, Not(HasSubstr("\r\n\r\n")));
        const std::size_t at = report.header.find("boundary=\"") + 10;
        const std::string boundary = report.header.substr(at, report.header.find('"', at) - at);
        EXPECT_EQ(count(report.body, boundary), 4U);
        EXPECT_EQ(count(report.body, "\r\n--" + boundary), 4U);
        EXPECT_TRUE(report.body.ends_with("\r\n--" + boundary + "--\r\n"));
        EXPECT_EQ(report.envelope.is_eight_bit, !is_ascii(report.body));
    }

    mail::Envelope envelope_;
    std::vector<spool::RecipientState> states_;
    ReportRequest request_;
};

TEST_F(ReportTest, ABounceReadsLikeThis) {
    refuse(add("bob", "example.org"), "5.1.1 <bob@example.org>: no such user");
    envelope_.envelope_id = "QQ+2B314";
    envelope_.recipients[0].original_recipient = "rfc822;robert+40example.net";
    const Report report = make_report(request_);
    EXPECT_EQ(
        report.header,
        "Date: Mon, 1 Jan 2024 12:05:00 +0000\r\n"
        "From: Mail Delivery System <MAILER-DAEMON@host.example.com>\r\n"
        "To: <alice@example.com>\r\n"
        "Subject: Not delivered: your mail to bob@example.org\r\n"
        "Message-ID: <01hk2w7yz0c1111111@host.example.com>\r\n"
        "References: <1@example.com>\r\n"
        "Auto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status;\r\n"
        " boundary=\"=_01hk2w7yz0c1111111_0\"\r\n"
    );
    EXPECT_EQ(
        report.body,
        "This is a delivery report in MIME format (RFC 3464).\r\n"
        "\r\n"
        "--=_01hk2w7yz0c1111111_0\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "Content-Description: What happened\r\n"
        "\r\n"
        "This is the mail system of host.example.com.\r\n"
        "\r\n"
        "Your message could not be delivered to the recipient below. It was given\r\n"
        "up: it will not be tried again.\r\n"
        "\r\n"
        "<bob@example.org>\r\n"
        "    The mail server mx.example.org [192.0.2.1] answered:\r\n"
        "        550 5.1.1 <bob@example.org>: no such user\r\n"
        "    Tried once, last on Mon, 1 Jan 2024 12:05:00 +0000.\r\n"
        "\r\n"
        "The message was submitted on Mon, 1 Jan 2024 12:00:00 +0000 and has the\r\n"
        "queue id 01hk2w7yz0c0000000. A copy of it, or of its header, is at the\r\n"
        "end of this mail.\r\n"
        "\r\n"
        "--=_01hk2w7yz0c1111111_0\r\n"
        "Content-Type: message/delivery-status\r\n"
        "Content-Description: The same for programs\r\n"
        "\r\n"
        "Original-Envelope-Id: QQ+314\r\n"
        "Reporting-MTA: dns; host.example.com\r\n"
        "X-Mxpost-Queue-Id: 01hk2w7yz0c0000000\r\n"
        "Arrival-Date: Mon, 1 Jan 2024 12:00:00 +0000\r\n"
        "\r\n"
        "Original-Recipient: rfc822; robert@example.net\r\n"
        "Final-Recipient: rfc822; bob@example.org\r\n"
        "Action: failed\r\n"
        "Status: 5.1.1\r\n"
        "Remote-MTA: dns; mx.example.org\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 <bob@example.org>: no such user\r\n"
        "Last-Attempt-Date: Mon, 1 Jan 2024 12:05:00 +0000\r\n"
        "\r\n"
        "--=_01hk2w7yz0c1111111_0\r\n"
        "Content-Type: text/rfc822-headers\r\n"
        "Content-Description: The message's header\r\n"
        "\r\n"
        "From: alice@example.com\r\n"
        "To: bob@example.org\r\n"
        "Subject: Hello\r\n"
        "Message-ID: <1@example.com>\r\n"
        "\r\n"
        "--=_01hk2w7yz0c1111111_0--\r\n"
    );
    expect_deliverable(report);
}

TEST_F(ReportTest, WhatARefusalMeansIsSaidAboveIt) {
    refuse(add("bob", "example.org"), "5.7.1 blocked using zen.spamhaus.org");
    request_.recipients[0].explanation = "This host's address is on a block list";
    EXPECT_THAT(
        make_report(request_).body,
        HasSubstr("<bob@example.org>\r\n"
                  "    This host's address is on a block list.\r\n"
                  "    The mail server mx.example.org [192.0.2.1] answered:\r\n")
    );
}

TEST_F(ReportTest, ItsEnvelopeHasNoSenderAndAsksForNoReport) {
    refuse(add("bob", "example.org"), "no");
    const Report report = make_report(request_);
    EXPECT_EQ(report.envelope.sender, std::nullopt);
    ASSERT_EQ(report.envelope.recipients.size(), 1U);
    EXPECT_EQ(report.envelope.recipients[0].address.text(), "alice@example.com");
    EXPECT_EQ(report.envelope.recipients[0].notify, static_cast<mail::NotifySet>(Notify::never));
    EXPECT_TRUE(report.envelope.is_bounce);
    EXPECT_EQ(report.envelope.arrival, request_.now);
    EXPECT_FALSE(report.envelope.is_eight_bit);
    EXPECT_FALSE(report.envelope.is_smtp_utf8);
}

TEST_F(ReportTest, ADelaySaysHowLongItGoesOn) {
    defer(add("bob", "example.org"));
    request_.kind = ReportKind::delay;
    const Report report = make_report(request_);
    EXPECT_THAT(report.header, HasSubstr("Subject: Delayed: your mail to bob@example.org\r\n"));
    EXPECT_THAT(report.body, HasSubstr("you don't need to send it again"));
    EXPECT_THAT(report.body, HasSubstr("until Sat, 6 Jan 2024 12:00:00 +0000"));
    EXPECT_THAT(report.body, HasSubstr("Action: delayed\r\nStatus: 4.4.1\r\n"));
    EXPECT_THAT(report.body, HasSubstr("Diagnostic-Code: X-mxpost; connection refused\r\n"));
    EXPECT_THAT(report.body, HasSubstr("Will-Retry-Until: Sat, 6 Jan 2024 12:00:00 +0000\r\n"));
    expect_deliverable(report);
}

TEST_F(ReportTest, WhereThereIsNoQueueADeferralIsAFailure) {
    defer(add("bob", "example.org"));
    states_[0].last->status = {};
    const Report report = make_report(request_);
    EXPECT_THAT(report.body, HasSubstr("With the mail server mx.example.org [192.0.2.1]:"));
    EXPECT_THAT(report.body, HasSubstr("There is no queue here"));
    EXPECT_THAT(report.body, HasSubstr("Tried 29 times"));
    EXPECT_THAT(report.body, HasSubstr("Action: failed\r\nStatus: 4.0.0\r\n"));
}

TEST_F(ReportTest, SuccessWithoutFurtherWordIsToldByTheHost) {
    spool::RecipientState& state = succeed("bob", "example.org", SuccessReport::due);
    EXPECT_THAT(make_report(request_).body, HasSubstr("Action: relayed\r\nStatus: 2.0.0\r\n"));
    state.last->remote_host.clear();
    EXPECT_THAT(make_report(request_).body, HasSubstr("Action: delivered\r\n"));
}

TEST_F(ReportTest, SuccessReportsReadAsTheirGoldenFiles) {
    succeed("bob", "example.org", SuccessReport::due);
    envelope_.envelope_id = "QQ+2B314";
    envelope_.recipients[0].original_recipient = "rfc822;robert+40example.net";
    expect_golden("01-relayed");

    request_.recipients.clear();
    succeed("carol", "host.example.com", SuccessReport::due).last->text =
        "delivered to the mailbox /var/mail/carol";
    expect_golden("02-delivered");

    request_.recipients.clear();
    succeed("staff", "host.example.com", SuccessReport::expanded).last->text =
        "sent on to 3 addresses";
    expect_golden("03-expanded");

    succeed("j\xC3\xB6rg", "example.org", SuccessReport::due);
    envelope_.recipients.back().original_recipient = "utf-8;j\\x{F6}rg@example.org";
    expect_golden("04-several-utf8");
}

TEST_F(ReportTest, StatusAgreesWithTheAction) {
    refuse(add("bob", "example.org"), "what");
    states_[0].last->status = {2, 0, 0};
    EXPECT_THAT(make_report(request_).body, HasSubstr("Status: 5.0.0\r\n"));
    request_.kind = ReportKind::delay;
    states_[0].last->status = {5, 7, 1};
    EXPECT_THAT(make_report(request_).body, HasSubstr("Status: 4.0.0\r\n"));
}

TEST_F(ReportTest, EachRecipientHasItsOwnBlock) {
    refuse(add("bob", "example.org"), "no bob");
    refuse(add("carol", "example.org"), "no carol");
    const Report report = make_report(request_);
    EXPECT_THAT(report.header, HasSubstr("your mail to 2 recipients\r\n"));
    EXPECT_EQ(count(report.body, "\r\n\r\nFinal-Recipient: "), 2U);
    EXPECT_THAT(report.body, HasSubstr("        550 no bob\r\n"));
    EXPECT_THAT(report.body, HasSubstr("        550 no carol\r\n"));
}

TEST_F(ReportTest, HostileRepliesCannotLeaveTheirPlace) {
    refuse(
        add("bob", "example.org"),
        "no\r\n\r\n--=_01hk2w7yz0c1111111_0\r\nContent-Type: text/html\r\n\r\n\x1B[31m<b>\xFF\x80" +
            std::string("\0", 1) + std::string(600, 'x')
    );
    states_[0].last->remote_host = "mx\r\nStatus: 2.0.0";
    const Report report = make_report(request_);
    EXPECT_THAT(report.body, Not(HasSubstr("\r\nContent-Type: text/html")));
    EXPECT_THAT(report.body, Not(HasSubstr("\r\nStatus: 2.0.0")));
    EXPECT_THAT(report.body, Not(HasSubstr("\x1B")));
    // The boundary that the server foresaw isn't the one that is used.
    EXPECT_THAT(report.header, HasSubstr("boundary=\"=_01hk2w7yz0c1111111_1\""));
    const std::size_t at = report.body.find("--=_01hk2w7yz0c1111111_0");
    EXPECT_NE(report.body[at - 1], '\n');
}

// The owner of a box chooses ids in it. Each boundary that he foresees costs a search through the
// message: the 38,000 that fit in one kept the engine busy for 15 seconds.
TEST_F(ReportTest, ItsBoundaryIsNoneThatASenderForesaw) {
    refuse(add("bob", "example.org"), "no");
    std::string foreseen;
    for (int i = 0; i < 1000; ++i) {
        foreseen += "=_01hk2w7yz0c1111111_" + std::to_string(i) + "\r\n";
    }
    StringContent content(kHeader + "\r\n" + foreseen);
    request_.content = &content;
    request_.boundary_seed = 0x123456789abcdef;
    const Report report = make_report(request_);
    EXPECT_THAT(report.header, HasSubstr("boundary=\"=_01hk2w7yz0c1111111_81985529216486895\""));
    expect_deliverable(report);

    // The search has an end even if he did.
    request_.boundary_seed = 0;
    EXPECT_THAT(make_report(request_).header, HasSubstr("boundary=\"=_01hk2w7yz0c1111111_15\""));
}

TEST_F(ReportTest, VeryLongWordsStayWithinALine) {
    refuse(add(std::string(1200, 'b'), "example.org"), std::string(5000, 'x'));
    states_[0].last->remote_host = std::string(5000, 'h');
    states_[0].last->remote_address = std::string(5000, '1');
    envelope_.envelope_id = std::string(1000, 'e');
    envelope_.recipients[0].original_recipient =
        std::string(300, 't') + ";" + std::string(700, 'o');
    envelope_.sender = Address(std::string(1500, 'a'), "example.com");
    expect_deliverable(make_report(request_));
}

TEST_F(ReportTest, WordsThatAreNotAsciiAreShownToPeopleOnly) {
    refuse(
        add("bob", "example.org"),
        "Gibt es nicht: \xC3\xBC"
        "berhaupt nicht"
    );
    const Report report = make_report(request_);
    EXPECT_THAT(report.body, HasSubstr("charset=utf-8\r\n"));
    EXPECT_THAT(
        report.body,
        HasSubstr("550 Gibt es nicht: \xC3\xBC"
                  "berhaupt nicht\r\n")
    );
    EXPECT_THAT(report.body, HasSubstr("smtp; 550 Gibt es nicht: ?berhaupt nicht\r\n"));
    EXPECT_THAT(report.header, HasSubstr("Content-Transfer-Encoding: 8bit\r\n"));
    EXPECT_TRUE(report.envelope.is_eight_bit);
    expect_deliverable(report);
}

TEST_F(ReportTest, ARecipientThatIsNotAsciiIsGivenInRfc6533Form) {
    refuse(
        add("j\xC3\xB6rg",
            "b\xC3\xBC"
            "cher.example"),
        "no"
    );
    const Report report = make_report(request_);
    EXPECT_THAT(
        report.body, HasSubstr("Final-Recipient: utf-8; j\\x{F6}rg@b\\x{FC}cher.example\r\n")
    );
    EXPECT_TRUE(is_ascii(report.header)) << report.header;
    expect_deliverable(report);
}

/// Which form is right depends on who reads it: RFC 6533 3, 4.
TEST_F(ReportTest, ReportsAboutAddressesBeyondAsciiReadAsTheirGoldenFiles) {
    refuse(
        add("j\xC3\xB6rg",
            "b\xC3\xBC"
            "cher.example"),
        "5.1.1 Gibt es nicht: \xC3\xBC"
        "berhaupt nicht"
    );
    envelope_.recipients[0].original_recipient = "utf-8;j\\x{F6}rg\\x{2B}x@example.org";
    envelope_.is_smtp_utf8 = true;
    request_.header =
        "From: alice@example.com\r\nTo: j\xC3\xB6rg@example.org\r\nSubject: Hello\r\n";
    expect_golden("05-utf8-recipient");

    envelope_.sender = Address(
        "\xC3\xA4nn",
        "b\xC3\xBC"
        "cher.example"
    );
    StringContent content(request_.header + "\r\nHall\xC3\xB6\r\n");
    request_.content = &content;
    expect_golden("06-utf8-sender");
    EXPECT_TRUE(make_report(request_).envelope.is_smtp_utf8);
}

TEST_F(ReportTest, ADelayReadsAsItsGoldenFile) {
    defer(add("bob", "example.org"));
    request_.kind = ReportKind::delay;
    request_.now = envelope_.arrival + std::chrono::hours(4);
    states_[0].last_time = request_.now;
    expect_golden("07-delayed");
}

TEST_F(ReportTest, AHostileReplyReadsAsItsGoldenFile) {
    refuse(
        add("bob", "example.org"),
        "5.1.1 no\r\n\r\n--=_01hk2w7yz0c1111111_0\r\nContent-Type: "
        "text/html\r\n\r\n\x1B[31m<b>\xC2\x9B" +
            std::string(100U << 10, 'x')
    );
    expect_golden("08-hostile-reply");
}

TEST_F(ReportTest, AnOriginalRecipientThatIsNoneStaysAsItIs) {
    refuse(add("bob", "example.org"), "no");
    envelope_.sender = Address("\xC3\xA4nn", "example.com");
    envelope_.recipients[0].original_recipient = "utf-8;a\\x{0D}\\x{0A}b";
    const Report report = make_report(request_);
    EXPECT_THAT(report.body, HasSubstr("Original-Recipient: utf-8; a\\x{0D}\\x{0A}b\r\n"));
    expect_deliverable(report);
}

TEST_F(ReportTest, TheFieldToHasTheAddressThatItIsGiven) {
    refuse(add("bob", "example.org"), "no");
    envelope_.sender = Address(
        "alice",
        "b\xC3\xBC"
        "cher.example"
    );
    request_.to = Address("alice", "xn--bcher-kva.example");
    const Report report = make_report(request_);
    EXPECT_THAT(report.header, HasSubstr("To: <alice@xn--bcher-kva.example>\r\n"));
    EXPECT_FALSE(report.envelope.is_smtp_utf8);
}

TEST_F(ReportTest, ASenderThatIsNotAsciiNeedsSmtpUtf8) {
    refuse(add("bob", "example.org"), "no");
    envelope_.sender = Address("j\xC3\xB6rg", "example.com");
    EXPECT_TRUE(make_report(request_).envelope.is_smtp_utf8);
}

TEST_F(ReportTest, ASmallMessageComesBackWhole) {
    refuse(add("bob", "example.org"), "no");
    StringContent content(kHeader + "\r\nHello Bob\r\n");
    content.limit_reads(7);
    request_.content = &content;
    const Report report = make_report(request_);
    EXPECT_THAT(
        report.body,
        HasSubstr(
            "Content-Type: message/rfc822\r\nContent-Description: The message\r\n\r\n" + kHeader +
            "\r\nHello Bob\r\n"
        )
    );
    expect_deliverable(report);
}

TEST_F(ReportTest, RetSaysHowMuchComesBack) {
    refuse(add("bob", "example.org"), "no");
    std::string lines;
    for (int i = 0; i < 1000; ++i) {
        lines += std::string(70, 'x') + "\r\n";
    }
    StringContent large(kHeader + "\r\n" + lines);
    StringContent small(kHeader + "\r\nHello Bob\r\n");
    request_.content = &large;
    EXPECT_THAT(make_report(request_).body, HasSubstr("text/rfc822-headers"));
    envelope_.dsn_return = DsnReturn::full;
    EXPECT_THAT(make_report(request_).body, HasSubstr("message/rfc822"));
    StringContent larger(kHeader + "\r\n" + std::string(kMaxReturnedOnRequest, 'x'));
    request_.content = &larger;
    EXPECT_THAT(make_report(request_).body, HasSubstr("text/rfc822-headers"));
    envelope_.dsn_return = DsnReturn::headers;
    request_.content = &small;
    EXPECT_THAT(make_report(request_).body, HasSubstr("text/rfc822-headers"));
}

TEST_F(ReportTest, AWarningCarriesTheHeaderOnly) {
    defer(add("bob", "example.org"));
    StringContent content(kHeader + "\r\nHello Bob\r\n");
    request_.content = &content;
    envelope_.dsn_return = DsnReturn::full;
    request_.kind = ReportKind::delay;
    EXPECT_THAT(make_report(request_).body, HasSubstr("text/rfc822-headers"));
}

TEST_F(ReportTest, EightBitContentIsLabelled) {
    refuse(add("bob", "example.org"), "no");
    StringContent content(kHeader + "\r\nHall\xF6\xFF\r\n");
    request_.content = &content;
    const Report report = make_report(request_);
    EXPECT_EQ(count(report.body, "Content-Transfer-Encoding: 8bit\r\n"), 1U);
    expect_deliverable(report);
}

TEST_F(ReportTest, AnSmtpUtf8MessageComesBackAsMessageGlobal) {
    refuse(add("bob", "example.org"), "no");
    request_.header = "Subject: gr\xC3\xBC\xC3\x9F\r\n";
    envelope_.is_smtp_utf8 = true;
    EXPECT_THAT(make_report(request_).body, HasSubstr("Content-Type: message/global-headers\r\n"));
    StringContent content(request_.header + "\r\nhello\r\n");
    request_.content = &content;
    EXPECT_THAT(make_report(request_).body, HasSubstr("Content-Type: message/global\r\n"));
}

TEST_F(ReportTest, ContentThatCannotGoBackLeavesTheHeader) {
    refuse(add("bob", "example.org"), "no");
    for (const std::string& body :
         {std::string("bare\rcr\r\n"),
          std::string("bare\nlf\r\n"),
          std::string("nul\0\r\n", 6),
          std::string(999, 'x') + "\r\n"}) {
        StringContent content(kHeader + "\r\n" + body);
        request_.content = &content;
        const Report report = make_report(request_);
        EXPECT_THAT(report.body, HasSubstr("text/rfc822-headers"));
        expect_deliverable(report);
    }
    StringContent failing(kHeader + "\r\nhello\r\n");
    failing.fail_at(20);
    request_.content = &failing;
    EXPECT_THAT(make_report(request_).body, HasSubstr("text/rfc822-headers"));
}

TEST_F(ReportTest, HostileHeadersAreMadeClean) {
    refuse(add("bob", "example.org"), "no");
    request_.header = "A: b\rC: d\nE: " + std::string(5000, 'x') +
                      "\r\n\r\nF: " + std::string(3000, ' ') + "y" + std::string("\0", 1) + "z\r\n";
    expect_deliverable(make_report(request_));
    request_.header = std::string(1U << 20, '\n') + std::string(1U << 20, 'x');
    expect_deliverable(make_report(request_));
    request_.header.clear();
    for (int i = 0; i < 100000; ++i) {
        request_.header += "X: y\r\n";
    }
    const Report report = make_report(request_);
    expect_deliverable(report);
    EXPECT_LT(report.body.size(), 60U << 10);
}

TEST_F(ReportTest, OddHostNamesDoNotEnterTheHeader) {
    refuse(add("bob", "example.org"), "no");
    for (const char* name : {"", "bad host", "x\r\nBcc: y", "h\xC3\xB6st.example"}) {
        request_.reporting_mta = name;
        EXPECT_THAT(make_report(request_).header, HasSubstr("<MAILER-DAEMON@localhost>"));
    }
}

TEST_F(ReportTest, OnlyAProperMessageIdIsReferredTo) {
    refuse(add("bob", "example.org"), "no");
    for (const char* id : {"<a b@c>", "x", "<a@b> <c@d>", "<\xC3\xBC@x>", "<>", ""}) {
        request_.header = std::string("Message-ID: ") + id + "\r\n";
        EXPECT_THAT(make_report(request_).header, Not(HasSubstr("References"))) << id;
    }
}

TEST_F(ReportTest, ARecipientWithoutAnyAttemptIsReportedToo) {
    add("bob", "example.org");
    const Report report = make_report(request_);
    EXPECT_THAT(report.body, HasSubstr("Delivery was never tried.\r\n"));
    EXPECT_THAT(report.body, HasSubstr("Status: 4.0.0\r\n"));
    expect_deliverable(report);
}

TEST_F(ReportTest, WithoutSenderOrRecipientsIsABug) {
    EXPECT_THROW(make_report(request_), std::invalid_argument);
    refuse(add("bob", "example.org"), "no");
    envelope_.sender = std::nullopt;
    EXPECT_THROW(make_report(request_), std::invalid_argument);
}

Recipient with_notify(std::initializer_list<Notify> bits) {
    Recipient recipient(Address("bob", "example.org"));
    for (const Notify bit : bits) {
        recipient.notify |= static_cast<mail::NotifySet>(bit);
    }
    return recipient;
}

TEST(WantsReport, FollowsNotify) {
    mail::Envelope envelope;
    envelope.sender = Address("alice", "example.com");
    const auto wants = [&](std::initializer_list<Notify> bits) {
        const Recipient recipient = with_notify(bits);
        return std::string(wants_report(envelope, recipient, ReportKind::failure) ? "F" : "") +
               (wants_report(envelope, recipient, ReportKind::delay) ? "D" : "") +
               (wants_report(envelope, recipient, ReportKind::success) ? "S" : "");
    };
    EXPECT_EQ(wants({}), "FD");
    EXPECT_EQ(wants({Notify::never}), "");
    EXPECT_EQ(wants({Notify::failure}), "F");
    EXPECT_EQ(wants({Notify::delay}), "D");
    EXPECT_EQ(wants({Notify::success}), "S");
    EXPECT_EQ(wants({Notify::success, Notify::failure, Notify::delay}), "FDS");
    EXPECT_EQ(wants({Notify::never, Notify::failure}), "");
}

TEST(WantsReport, NeverForANullSenderOrAReport) {
    mail::Envelope envelope;
    const Recipient recipient = with_notify({Notify::failure, Notify::success});
    EXPECT_FALSE(wants_report(envelope, recipient, ReportKind::failure));
    EXPECT_FALSE(wants_report(envelope, recipient, ReportKind::success));
    envelope.sender = Address("alice", "example.com");
    envelope.is_bounce = true;
    EXPECT_FALSE(wants_report(envelope, recipient, ReportKind::failure));
}

}  // namespace
}  // namespace mxpost::dsn
