#include "mail/fix_up.h"

#include <ostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/text.h"
#include "mail/completion.h"

namespace mxpost::mail {
namespace {

FixUpOptions options() {
    FixUpOptions options;
    options.domain = "d.test";
    options.host = "mx.host.test";
    options.sender = Address("alice", "d.test");
    options.full_name = "Alice Q. Tester";
    options.id = "0abc";
    options.uid = 1500;
    options.now = std::chrono::sys_seconds(std::chrono::seconds(1704067509));
    options.utc_offset = std::chrono::minutes(60);
    return options;
}

constexpr std::string_view kReceived =
    "Received: by mx.host.test (mxpost, from userid 1500)\r\n"
    "\tid 0abc; Mon, 1 Jan 2024 01:05:09 +0100\r\n";
constexpr std::string_view kComplete = "Date: d\r\nFrom: f@x\r\nMessage-ID: <m@x>\r\n";

/// The header behind Received.
std::string fixed(std::string_view header, const FixUpOptions& with = options()) {
    const std::string text = fix_up(parse_header(header), with).header.text();
    EXPECT_TRUE(text.starts_with(kReceived)) << text;
    return text.substr(std::min(kReceived.size(), text.size()));
}

/// The header behind Received, when Date, From and Message-ID are there already.
std::string fixed_rest(std::string_view header, const FixUpOptions& with = options()) {
    const std::string text = fixed(std::string(kComplete) + std::string(header), with);
    EXPECT_TRUE(text.starts_with(kComplete)) << text;
    return text.substr(std::min(kComplete.size(), text.size()));
}

std::string recipients(std::string_view header) {
    FixUpOptions with = options();
    with.takes_recipients = true;
    const FixUpResult result = fix_up(parse_header(header), with);
    std::string text;
    for (const Address& address : result.recipients.addresses) {
        text += (text.empty() ? "" : " ") + address.text();
    }
    for (const BadAddress& bad : result.recipients.bad) {
        text += " !" + bad.text;
    }
    return text;
}

TEST(FixUp, MakesAHeaderWhereThereIsNone) {
    EXPECT_EQ(
        fixed(""),
        "Date: Mon, 1 Jan 2024 01:05:09 +0100\r\n"
        "From: \"Alice Q. Tester\" <alice@d.test>\r\n"
        "Message-ID: <20240101000509.0abc@mx.host.test>\r\n"
    );
}

TEST(FixUp, KeepsTheOctetsOfFieldsThatNeedNothing) {
    constexpr std::string_view kHeader =
        "date:   garbage\r\nfrom:\tw@x,\r\n  v@y\r\nMESSAGE-ID: bogus\r\nSubject:x a  \r\n"
        "X-A: 1\r\nX-A: 2\r\nFull-Name: F\r\nApparently-To: z\r\n";
    EXPECT_EQ(fixed(kHeader), kHeader);
}

TEST(FixUp, RemovesBlindCopiesAndWhatOnlyDeliveryMayWrite) {
    EXPECT_EQ(
        fixed_rest("Bcc: b1@x,\r\n b2@x\r\nTo: t@x\r\nBCC \t: b3@x\r\nresent-bcc: b4@x\r\n"
                   "Return-Path: <r@x>\r\nContent-Length: 5\r\nX-Bcc: kept\r\n"),
        "To: t@x\r\nX-Bcc: kept\r\n"
    );
}

TEST(FixUp, ReplacesEmptyOriginatorsAndDropsEmptyDestinations) {
    EXPECT_EQ(
        fixed("From: \r\nTo:\r\n \r\nCc:\r\nSubject:\r\nDate: d\r\nMessage-ID: <m@x>\r\n"),
        "Subject:\r\nDate: d\r\nMessage-ID: <m@x>\r\nFrom: \"Alice Q. Tester\" <alice@d.test>\r\n"
    );
}

TEST(FixUp, KeepsTheFirstOfFieldsThatMayStandOnce) {
    EXPECT_EQ(
        fixed(
            "From: a@x\r\nFrom: b@x\r\nDate: 1\r\nDate: 2\r\nSubject: \r\nSubject: s\r\n"
            "Subject: t\r\nMessage-Id: <1@x>\r\nMessage-ID: <2@x>\r\nSender: a@x\r\nSender: b@x\r\n"
            "Reply-To: a@x\r\nReply-To: b@x\r\nComments: 1\r\nComments: 2\r\n"
        ),
        "From: a@x\r\nDate: 1\r\nSubject: s\r\nMessage-Id: <1@x>\r\nSender: a@x\r\n"
        "Reply-To: a@x\r\nComments: 1\r\nComments: 2\r\n"
    );
}

TEST(FixUp, JoinsSeveralDestinationFields) {
    EXPECT_EQ(
        fixed_rest("To: a@x, \r\nCc: c@x\r\nTO:\tB <b@x>\r\nX: 1\r\ncc: L: d@x;\r\nTo: \r\n"),
        "To: a@x,\r\n\tB <b@x>\r\nCc: c@x,\r\n\tL: d@x;\r\nX: 1\r\n"
    );
    EXPECT_EQ(fixed_rest("To: \"a\r\nTo: b@x\r\n"), "To: \"a\r\nTo: b@x\r\n");
}

TEST(FixUp, JoinsListsWithWhatABackslashQuotesAtTheirEnd) {
    EXPECT_EQ(
        fixed_rest("To: b\\ \r\nTo: c\\ \r\nTo: a@x\r\n"),
        "To: b\\ @d.test,\r\n\tc\\ @d.test,\r\n\ta@x\r\n"
    );
    EXPECT_EQ(fixed_rest("To: b\\,\r\nTo: ,\r\nTo: a@x , \r\n"), "To: b\\,@d.test,\r\n\ta@x\r\n");
    EXPECT_EQ(fixed_rest("To: b\\\\@x,\r\nTo: a@x\r\n"), "To: b\\\\@x,\r\n\ta@x\r\n");
}

TEST(FixUp, QualifiesNamesInOriginatorAndDestinationFields) {
    EXPECT_EQ(
        fixed("From: Root <root>\r\nTo: bob, a@x (me)\r\nCc: carl\r\nReply-To: r\r\nSender: s\r\n"
              "Resent-To: t\r\nResent-From: u\r\nResent-Date: d\r\nResent-Message-ID: <r@x>\r\n"
              "X-To: v\r\nDate: d\r\nMessage-ID: <m@x>\r\n"),
        "From: Root <root@d.test>\r\nTo: bob@d.test, a@x (me)\r\nCc: carl@d.test\r\n"
        "Reply-To: r@d.test\r\nSender: s@d.test\r\nResent-To: t@d.test\r\nResent-From: u@d.test\r\n"
        "Resent-Date: d\r\nResent-Message-ID: <r@x>\r\nX-To: v\r\nDate: d\r\nMessage-ID: <m@x>\r\n"
    );
}

TEST(FixUp, RewritesSendersAfterTheyAreCompleted) {
    const SenderRewriter senders(parse_sender_map("@d.test @out.test").map, {}, {});
    FixUpOptions with = options();
    with.senders = &senders;
    EXPECT_EQ(
        fixed("Date: d\r\nFrom: Root <root>\r\nTo: bob\r\nMessage-ID: <m@x>\r\n", with),
        "Date: d\r\nFrom: Root <root@out.test>\r\nX-Original-From: Root <root@d.test>\r\n"
        "To: bob@d.test\r\nMessage-ID: <m@x>\r\n"
    );
    EXPECT_EQ(
        fixed("Date: d\r\nMessage-ID: <m@x>\r\n", with),
        "Date: d\r\nMessage-ID: <m@x>\r\nFrom: \"Alice Q. Tester\" <alice@out.test>\r\n"
        "X-Original-From: \"Alice Q. Tester\" <alice@d.test>\r\n"
    );
    with.qualifies = false;
    EXPECT_EQ(fixed_rest("Sender: s@d.test\r\n", with), "Sender: s@d.test\r\n");
}

TEST(FixUp, AMappedSenderNeedsNoCompletion) {
    const SenderRewriter senders(parse_sender_map("root@* ops@out.test").map, {}, {});
    FixUpOptions with = options();
    with.domain = "";
    with.senders = &senders;
    EXPECT_FALSE(fix_up(parse_header("From: root\r\nTo: a@x.test\r\n"), with).is_incomplete);
    EXPECT_TRUE(fix_up(parse_header("From: alice\r\nTo: a@x.test\r\n"), with).is_incomplete);
}

TEST(FixUp, LeavesAddressesAloneWhenToldTo) {
    FixUpOptions with = options();
    with.qualifies = false;
    with.sender = Address("alice", "");
    with.full_name = "";
    const FixUpResult result = fix_up(parse_header("To: bob\r\n"), with);
    EXPECT_EQ(result.header.find("To")->value, " bob");
    EXPECT_EQ(result.header.find("From")->value, " alice");
    EXPECT_FALSE(result.is_incomplete);
}

TEST(FixUp, KeepsRepeatedFieldsWhenToldToLeaveThemAlone) {
    FixUpOptions with = options();
    with.qualifies = false;
    const std::string header =
        "From: a@x\r\nFrom: b@x\r\nSubject: 1\r\nSubject: 2\r\nTo: c@x\r\nTo: d@x\r\n"
        "Cc: e@x\r\nCc: f@x\r\nDate: d\r\nMessage-ID: <m@x>\r\n";
    EXPECT_EQ(fixed(header, with), header);
}

struct FromCase {
    std::string name;
    ReversePath sender;
    std::string expected;
};

TEST(FixUp, WritesTheOriginatorSafely) {
    const Address z("z", "x");
    const std::vector<FromCase> cases = {
        {"", z, " z@x"},
        {"Joe Doe", z, " Joe Doe <z@x>"},
        {"O\"B, (x)", z, " \"O\\\"B, (x)\" <z@x>"},
        {"A\r\nBcc: v@x", z, " \"A  Bcc: v@x\" <z@x>"},
        {"J\xC3\xBCrgen", z, " =?utf-8?Q?J=C3=BCrgen?= <z@x>"},
        {std::string(70, 'n'), z, " " + std::string(70, 'n') + "\r\n <z@x>"},
        {"Joe", std::nullopt, " MAILER-DAEMON@d.test"},
        {"", Address("alice", ""), " alice@d.test"},
        {"", Address("\"a b\"", ""), " \"a b\"@d.test"}};
    for (const FromCase& c : cases) {
        FixUpOptions with = options();
        with.full_name = c.name;
        with.sender = c.sender;
        EXPECT_EQ(fix_up({}, with).header.find("From")->value, c.expected);
    }
}

/// The value of From.
std::string from(const std::string& value, const FixUpOptions& with = options()) {
    return fix_up(parse_header("From: " + value + "\r\n"), with).header.find("From")->value;
}

// RFC 5322 3.6.2; without an address nothing is signed, either.
TEST(FixUp, AFromWithoutAddressNamesTheOriginator) {
    EXPECT_EQ(from("My Website"), " My Website <alice@d.test>");
    EXPECT_EQ(from("My Website\r\n e.V."), " \"My Website e.V.\" <alice@d.test>");
    EXPECT_EQ(from("(x)"), " \"(x)\" <alice@d.test>");
    EXPECT_EQ(from("My Site info@x.test"), " \"My Site info@x.test\" <alice@d.test>");
    EXPECT_EQ(from("\"My <a@x"), " \"\\\"My <a@x\" <alice@d.test>");
    EXPECT_EQ(
        from("=?utf-8?Q?B=C3=BCro?=\r\n\t=?utf-8?Q?x?="),
        " =?utf-8?Q?B=C3=BCro?=\r\n\t=?utf-8?Q?x?= <alice@d.test>"
    );
    EXPECT_EQ(from("B\xC3\xBCro"), " =?utf-8?Q?B=C3=BCro?= <alice@d.test>");
    EXPECT_EQ(from("B\xC3\xBCro e.V."), " =?utf-8?Q?B=C3=BCro_e=2EV=2E?= <alice@d.test>");
    EXPECT_EQ(from("B\xFCro"), " =?unknown-8bit?Q?B=FCro?= <alice@d.test>");
    EXPECT_EQ(from("A =?utf-8?Q?x?= <"), " \"Alice Q. Tester\" <alice@d.test>");
    EXPECT_EQ(from("<>"), " \"Alice Q. Tester\" <alice@d.test>");
    EXPECT_EQ(from("@"), " \"Alice Q. Tester\" <alice@d.test>");
    FixUpOptions with = options();
    with.sender = std::nullopt;
    EXPECT_EQ(from("My Website", with), " My Website <MAILER-DAEMON@d.test>");
    with.domain = "";
    const FixUpResult open = fix_up(parse_header("From: My Website\r\n"), with);
    EXPECT_EQ(open.header.find("From")->value, " My Website <MAILER-DAEMON>");
    EXPECT_TRUE(open.is_incomplete);
}

TEST(FixUp, AFromThatNamesSomebodyStays) {
    EXPECT_EQ(from("root"), " root@d.test");
    EXPECT_EQ(from("\"My Website\""), " \"My Website\"@d.test");
    EXPECT_EQ(from("My Website, a@x"), " My Website, a@x");
    EXPECT_EQ(from("Nobody (really) :;"), " Nobody (really) :;");  // RFC 6854
    FixUpOptions with = options();
    with.qualifies = false;
    EXPECT_EQ(from("My Website", with), " My Website");
}

TEST(FixUp, CompletesAResentBlock) {
    EXPECT_EQ(
        fixed("Resent-To: r@x\r\nResent-From: q@x\r\n" + std::string(kComplete)),
        "Resent-Date: Mon, 1 Jan 2024 01:05:09 +0100\r\n"
        "Resent-Message-ID: <20240101000509.0abc@mx.host.test>\r\n"
        "Resent-To: r@x\r\nResent-From: q@x\r\n" +
            std::string(kComplete)
    );
}

TEST(FixUp, NeverTakesHostileNamesIntoTheHeader) {
    FixUpOptions with = options();
    with.host = "a\r\nX: 1";
    with.domain = "b c";
    with.id = "1\r\nX: 2";
    with.full_name = "";
    const std::string text = fix_up({}, with).header.text();
    EXPECT_EQ(
        text,
        "Received: by localhost (mxpost, from userid 1500)\r\n"
        "\tid 1X2; Mon, 1 Jan 2024 01:05:09 +0100\r\n"
        "Date: Mon, 1 Jan 2024 01:05:09 +0100\r\nFrom: alice@d.test\r\n"
        "Message-ID: <20240101000509.1X2>\r\n"
    );
}

TEST(FixUp, CountsHops) {
    EXPECT_EQ(
        fix_up(parse_header("Received: 1\r\nreceived: 2\r\nX-Received: 3\r\n"), options()).hops, 2U
    );
}

TEST(FixUp, NoticesLongLines) {
    const std::string fits(998 - 3, 'a');
    EXPECT_FALSE(fix_up(parse_header("X: " + fits + "\r\n"), options()).has_long_lines);
    EXPECT_TRUE(fix_up(parse_header("X: " + fits + "a\r\n"), options()).has_long_lines);
    EXPECT_FALSE(
        fix_up(parse_header("X: " + fits + "\r\n " + fits + "\r\n"), options()).has_long_lines
    );
}

TEST(HeaderRecipients, AreThoseOfToCcAndBccInOrder) {
    EXPECT_EQ(
        recipients("To: a@x\r\nBCC : b@x,\r\n\tc@x\r\nCc: L: d@x, e;\r\nto: a@x\r\n"
                   "Apparently-To: n@x\r\nX-To: n@x\r\nDelivered-To: n@x\r\n"),
        "a@x b@x c@x d@x e a@x"
    );
    EXPECT_EQ(recipients("Subject: x\r\n"), "");
    EXPECT_EQ(recipients("To: undisclosed-recipients:;\r\nBcc: b@x\r\n"), "b@x");
}

TEST(HeaderRecipients, AreTheResentOnesOfAllBlocksWhenThereAreSome) {
    EXPECT_EQ(
        recipients("Resent-To: r1@x\r\nResent-Bcc: r2@x\r\nResent-To: r3@x\r\nTo: a@x\r\n"),
        "r1@x r2@x r3@x"
    );
    EXPECT_EQ(recipients("Resent-From: r@x\r\nTo: a@x\r\n"), "a@x");
}

TEST(HeaderRecipients, AreReportedWhenBad) {
    EXPECT_EQ(recipients("To: <a@x, b@x\r\nCc: c@x\r\n"), "b@x c@x !<a@x");
}

TEST(HeaderRecipients, AreNotTakenWithoutT) {
    EXPECT_TRUE(fix_up(parse_header("To: a@x\r\n"), options()).recipients.addresses.empty());
}

TEST(Completion, ClosesWhatSubmissionLeftOpen) {
    FixUpOptions with = options();
    with.domain = "";
    with.host = "box";
    with.sender = Address("alice", "");
    const FixUpResult result = fix_up(parse_header("To: bob, a@x\r\nX: y\r\n"), with);
    EXPECT_TRUE(result.is_incomplete);
    EXPECT_EQ(result.header.find("To")->value, " bob, a@x");
    const std::string completed = complete_header(result.header.text(), "late.test");
    EXPECT_EQ(
        completed,
        "Received: by box (mxpost, from userid 1500)\r\n"
        "\tid 0abc; Mon, 1 Jan 2024 01:05:09 +0100\r\n"
        "To: bob@late.test, a@x\r\nX: y\r\nDate: Mon, 1 Jan 2024 01:05:09 +0100\r\n"
        "From: \"Alice Q. Tester\" <alice@late.test>\r\n"
        "Message-ID: <20240101000509.0abc@late.test>\r\n"
    );
    EXPECT_EQ(complete_header(completed, "other.test"), completed);
}

TEST(Completion, IsNotNeededWhenEverythingIsQualified) {
    FixUpOptions with = options();
    with.domain = "";
    EXPECT_FALSE(fix_up(parse_header("To: a@x\r\n"), with).is_incomplete);
    with.host = "box";  // nothing for the Message-ID
    EXPECT_TRUE(fix_up(parse_header("To: a@x\r\n"), with).is_incomplete);
}

TEST(Completion, TouchesNoMessageIdOfOthers) {
    EXPECT_EQ(complete_header("Message-ID: <abc>\r\n", "d.test"), "Message-ID: <abc>\r\n");
    EXPECT_EQ(complete_header("To: a\r\n", "not a domain"), "To: a\r\n");
}

TEST(FullName, ComesFromTheFirstGecosField) {
    EXPECT_EQ(full_name_from_gecos("Bob O\"Hara (ops), Inc & Co", "bob"), "Bob O\"Hara (ops)");
    EXPECT_EQ(full_name_from_gecos("& the Great,,,", "bob"), "Bob the Great");
    EXPECT_EQ(full_name_from_gecos(",room 1", "bob"), "");
    EXPECT_EQ(full_name_from_gecos("&", ""), "");
}

TEST(FixUp, LeavesNoOctetBeyondAsciiThatNeedsNoSmtpUtf8) {
    const std::string header =
        "Subject: Gr\xC3\xBC\xC3\x9F"
        "e\r\nFrom: J\xC3\xB6rg <joerg@x>\r\nTo: u@b\xC3\xBC"
        "cher.test\r\n";
    FixUpOptions options;
    options.domain = "x";
    FixUpResult result = fix_up(parse_header(header), options);
    EXPECT_EQ(result.header.find("Subject")->value, " =?utf-8?B?R3LDvMOfZQ==?=");
    EXPECT_EQ(result.header.find("From")->value, " =?utf-8?Q?J=C3=B6rg?= <joerg@x>");
    EXPECT_TRUE(result.needs_smtp_utf8);  // until the domain is in A-labels, if it can be

    result = fix_up(parse_header(header + "Cc: j\xC3\xB6rg@x\r\n"), options);
    EXPECT_TRUE(result.needs_smtp_utf8);
    EXPECT_EQ(result.header.find("Cc")->value, " j\xC3\xB6rg@x");

    options.makes_ascii = false;
    result = fix_up(parse_header(header), options);
    EXPECT_EQ(result.header.find("From")->value, " J\xC3\xB6rg <joerg@x>");
}

TEST(FixUp, NamesNeedNoSmtpUtf8) {
    for (const char* header :
         {"From: B\xC3\xBCro\r\n",
          "From: M\xC3\xBCller, J\xC3\xB6rg <j@x.test>\r\n",
          "From: \xC3\xA4 <B\xC3\xBCro>\r\n",
          "From: a@x\r\nTo: B\xC3\xBCro, b@y\r\n"}) {
        const FixUpResult result = fix_up(parse_header(header), options());
        EXPECT_FALSE(result.needs_smtp_utf8) << header;
        EXPECT_TRUE(is_ascii(result.header.text())) << header;
    }
    // A domain that only RFC 6531 can carry, if IDNA can't, counts wherever it stands.
    FixUpOptions with = options();
    with.host = "h\xC3\xB6st.test";
    EXPECT_TRUE(fix_up({}, with).needs_smtp_utf8);
    with = options();
    with.domain = "m\xC3\xBC.test";
    EXPECT_TRUE(fix_up(parse_header("From: root\r\n"), with).needs_smtp_utf8);
    EXPECT_TRUE(fix_up(parse_header("Errors-To: a@m\xC3\xBC.test\r\n"), options()).needs_smtp_utf8);
}

TEST(FixUp, AMappedSenderBeyondAsciiNeedsNoSmtpUtf8) {
    const SenderRewriter senders(parse_sender_map("@old.test noreply@out.test").map, {}, {});
    FixUpOptions with = options();
    with.senders = &senders;
    const FixUpResult result = fix_up(parse_header("From: A <j\xC3\xB6rg@old.test>\r\n"), with);
    EXPECT_EQ(result.header.find("From")->value, " A <noreply@out.test>");
    EXPECT_EQ(
        result.header.find("X-Original-From")->value, " A =?utf-8?Q?=3Cj=C3=B6rg=40old=2Etest=3E?="
    );
    EXPECT_FALSE(result.needs_smtp_utf8);
}

}  // namespace
}  // namespace mxpost::mail
