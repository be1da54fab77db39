#include "mail/ascii_header.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "mail/address.h"

namespace mxpost::mail {
namespace {

/// "Name: value" as it becomes.
std::string ascii(const std::string& fields) {
    HeaderBlock header = parse_header(fields + "\r\n");
    make_ascii(header);
    const std::string text = header.text();
    return text.substr(0, text.size() - 2);
}

TEST(MakeAscii, LeavesAsciiAlone) {
    const std::string text = "Subject: a  b\r\n\tc =?utf-8?Q?d?=\r\nFrom : \"x\" <y@z> (c)";
    EXPECT_EQ(ascii(text), "Subject: a  b\r\n\tc =?utf-8?Q?d?=\r\nFrom: \"x\" <y@z> (c)");
}

TEST(MakeAscii, EncodesTheWordsOfTextThatNeedIt) {
    EXPECT_EQ(ascii("Subject: Gr\xC3\xBC\xC3\x9F"), "Subject: =?utf-8?B?R3LDvMOf?=");
    EXPECT_EQ(
        ascii("Subject: an \xC3\xA4 b \xC3\xB6  end"), "Subject: an =?utf-8?B?w6QgYiDDtg==?=  end"
    );
    EXPECT_EQ(ascii("X-Tag: \xC3\xA4\r\n b"), "X-Tag: =?utf-8?B?w6Q=?=\r\n b");
    EXPECT_EQ(ascii("X-Tag: \xC3\xA4\r\n \xC3\xB6"), "X-Tag: =?utf-8?B?w6Qgw7Y=?=");
    EXPECT_EQ(ascii("List-Id: \xC3\xA4 <l.x.y>"), "List-Id: =?utf-8?B?w6Q=?= <l.x.y>");
}

TEST(MakeAscii, KeepsTheSpaceBesideEncodedWords) {
    // White space between two of them isn't shown (RFC 2047 6.2).
    EXPECT_EQ(
        ascii("Subject: =?utf-8?Q?x?= \xC3\xA4 =?utf-8?Q?y?="),
        "Subject: =?utf-8?Q?x?= =?utf-8?Q?_=C3=A4_?= =?utf-8?Q?y?="
    );
    EXPECT_EQ(
        ascii("Subject: =?utf-8?Q?x?= a \xC3\xA4 b =?utf-8?Q?y?="),
        "Subject: =?utf-8?Q?x?= a =?utf-8?B?w6Q=?= b =?utf-8?Q?y?="
    );
    EXPECT_EQ(
        ascii("From: =?utf-8?Q?x?= M\xC3\xBCller <a@b>"),
        "From: =?utf-8?Q?x?= =?utf-8?Q?_M=C3=BCller?= <a@b>"
    );
}

TEST(MakeAscii, PutsSpaceAroundTheEncodedWordsOfNames) {
    // RFC 2047 5 (3): touching something else they are none.
    EXPECT_EQ(ascii("From:M\xC3\xBCller<a@b>"), "From: =?utf-8?Q?M=C3=BCller?= <a@b>");
    EXPECT_EQ(
        ascii("To: M\xC3\xBCller:a@b,J\xC3\xB6(x)<c@d>;"),
        "To: =?utf-8?Q?M=C3=BCller?= :a@b, =?utf-8?B?SsO2?= (x)<c@d>;"
    );
}

TEST(MakeAscii, KeepsCommentsBetweenTheWordsOfAName) {
    EXPECT_EQ(
        ascii("To: J\xC3\xB6 (the boss) Smith <a@b>"), "To: =?utf-8?B?SsO2?= (the boss) Smith <a@b>"
    );
    EXPECT_EQ(
        ascii("To: J\xC3\xB6 (the boss) M\xC3\xBCller <a@b>"),
        "To: =?utf-8?B?SsO2?= (the boss) =?utf-8?Q?M=C3=BCller?= <a@b>"
    );
}

TEST(MakeAscii, FoldsLongText) {
    std::string subject = "Subject:";
    for (int i = 0; i < 40; ++i) {
        subject += " w\xC3\xB6rd and";
    }
    const std::string folded = ascii(subject);
    for (const std::string_view line : split(folded, '\n')) {
        EXPECT_LE(line.size(), 77U) << line;
    }
    const std::string late =
        ascii("Subject: " + std::string(65, 'x') + " \xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4");
    for (const std::string_view line : split(late, '\n')) {
        EXPECT_LE(line.size(), 77U) << line;
    }
    // The white space that was there stays.
    EXPECT_EQ(
        ascii("Subject: " + std::string(65, 'x') + "  \xC3\xA4"),
        "Subject: " + std::string(65, 'x') + "\r\n  =?utf-8?B?w6Q=?="
    );
}

TEST(MakeAscii, EncodesNamesAndCommentsBesideAddresses) {
    EXPECT_EQ(
        ascii("From: J\xC3\xB6rg M\xC3\xBCller <joerg@x>"),
        "From: =?utf-8?Q?J=C3=B6rg_M=C3=BCller?= <joerg@x>"
    );
    EXPECT_EQ(
        ascii("To: \"M\xC3\xBCller, J.\" <j@x>, \"Smith, A.\" <a@x>,\r\n\tb@x (B\xC3\xA4r)"),
        "To: =?utf-8?Q?M=C3=BCller=2C_J=2E?= <j@x>, \"Smith, A.\" <a@x>,\r\n\tb@x "
        "(=?utf-8?Q?B=C3=A4r?=)"
    );
    EXPECT_EQ(ascii("Cc: Fr\xC3\xA4n: a@x, b@y;"), "Cc: =?utf-8?Q?Fr=C3=A4n?= : a@x, b@y;");
    EXPECT_EQ(ascii("Resent-To: \xC3\xA4 <a@x>"), "Resent-To: =?utf-8?B?w6Q=?= <a@x>");
    // A group without members.
    EXPECT_EQ(ascii("To: Empf\xC3\xA4nger:;"), "To: =?utf-8?Q?Empf=C3=A4nger?= :;");
}

// Quadratic work would take minutes.
TEST(MakeAscii, TakesManyCommentsInLinearTime) {
    std::string comments;
    for (std::size_t i = 0; i < 300000; ++i) {
        comments += "(a)";
    }
    const std::string made = ascii("To: x@y " + comments + "(\xC3\xA9)\r\n");
    EXPECT_TRUE(made.ends_with("(a)(=?utf-8?B?w6k=?=)"));
    EXPECT_EQ(std::count(made.begin(), made.end(), 'a'), 300000);
}

TEST(MakeAscii, LeavesAddressesAsTheyAre) {
    EXPECT_EQ(ascii("To: j\xC3\xB6rg@x.test"), "To: j\xC3\xB6rg@x.test");
    EXPECT_EQ(
        ascii("To: \xC3\xA4 <j\xC3\xB6rg@x.test>, a@b\xC3\xBC.test"),
        "To: =?utf-8?B?w6Q=?= <j\xC3\xB6rg@x.test>, a@b\xC3\xBC.test"
    );
}

TEST(MakeAscii, TakesWhatHoldsNoAddressesForText) {
    EXPECT_TRUE(is_ascii(ascii("To: \"J\xC3\xB6rg <a@x>")));
    EXPECT_TRUE(is_ascii(ascii("To: j\xF6rg@x")));
    EXPECT_TRUE(is_ascii(ascii("Reply-To: \xC3\xA4 <>;:<\xC3")));
}

// As an address it would need SMTPUTF8, which few servers have.
TEST(MakeAscii, TakesAWordWithoutADomainForAName) {
    EXPECT_EQ(ascii("From: B\xC3\xBCro"), "From: =?utf-8?Q?B=C3=BCro?=");
    EXPECT_EQ(ascii("To: B\xC3\xBCro, a@x"), "To: =?utf-8?Q?B=C3=BCro?= , a@x");
    EXPECT_EQ(ascii("To: <a@x> B\xC3\xBCro"), "To: <a@x> =?utf-8?Q?B=C3=BCro?=");
    EXPECT_TRUE(is_ascii(ascii("To: \xC3\xA4 <B\xC3\xBCro>")));
    EXPECT_EQ(
        ascii("To: root, b\xC3\xBC.test!u, j\xC3\xB6@x"), "To: root, b\xC3\xBC.test!u, j\xC3\xB6@x"
    );
}

TEST(MakeAscii, TakesACommaWithoutQuotesIntoTheName) {
    EXPECT_EQ(
        ascii("From: M\xC3\xBCller, J\xC3\xB6rg <j@x.de>"),
        "From: =?utf-8?Q?M=C3=BCller=2C_J=C3=B6rg?= <j@x.de>"
    );
    EXPECT_EQ(
        ascii("To: a@x, L: M\xC3\xBCller, Ann<a@y>, \"B, C\" <b@y>;"),
        "To: a@x, L: =?utf-8?Q?M=C3=BCller=2C_Ann?= <a@y>, \"B, C\" <b@y>;"
    );
    // "Ann" may be a user here; the comment keeps its place.
    EXPECT_EQ(
        ascii("To: Ann, M\xC3\xBCller (x), J <j@x>"),
        "To: Ann, =?utf-8?Q?M=C3=BCller?= (x), J <j@x>"
    );
    EXPECT_EQ(
        ascii("To: <a@x> M\xC3\xBCller, J <j@x>"), "To: <a@x> =?utf-8?Q?M=C3=BCller?= , J <j@x>"
    );
}

TEST(MakeAscii, LooksBehindCommasInLinearTime) {
    std::string list;
    for (std::size_t i = 0; i < 100000; ++i) {
        list += "\xC3\xA4,(";
    }
    EXPECT_TRUE(is_ascii(ascii("To: " + list)));
}

TEST(MakeAscii, KeepsAddressesOutOfEncodedWords) {
    EXPECT_EQ(
        ascii("Reply-To: J\xC3\xB6rg <j@x.test>, K\xC3\xA4the M\xC3\xBCller"),
        "Reply-To: =?utf-8?Q?J=C3=B6rg?= <j@x.test>, =?utf-8?Q?K=C3=A4the_M=C3=BCll?=\r\n"
        " =?utf-8?Q?er?="
    );
    EXPECT_EQ(
        ascii("Reply-To: J\xC3\xB6rg M <j@x.test>, \"K\xC3\xA4the, (\xC3\xA4 b@y, \xC3\xA4"),
        "Reply-To: =?utf-8?Q?J=C3=B6rg?= M <j@x.test>, =?utf-8?B?IkvDpHRoZSwgKMOk?= b@y,\r\n"
        " =?utf-8?B?w6Q=?="
    );
    // Fields that are text have no addresses.
    EXPECT_EQ(
        ascii("X-Original-From: \xC3\xA4 <a@x> \xC3\xB6@x"),
        "X-Original-From: =?utf-8?B?w6QgPGFAeD4gw7ZAeA==?="
    );
}

TEST(MakeAscii, KnowsTheMessagesCharset) {
    EXPECT_EQ(
        ascii("Content-Type: text/plain; charset=\"ISO-8859-15\"\r\nSubject: \xE4"),
        "Content-Type: text/plain; charset=\"ISO-8859-15\"\r\nSubject: =?iso-8859-15?B?5A==?="
    );
    EXPECT_EQ(
        ascii("Content-Type: text/plain; charset=Shift_JIS\r\nSubject: \x83"),
        "Content-Type: text/plain; charset=Shift_JIS\r\nSubject: =?unknown-8bit?B?gw==?="
    );
    EXPECT_EQ(ascii("Subject: \xE4"), "Subject: =?unknown-8bit?B?5A==?=");
    EXPECT_EQ(
        ascii("Subject: \xE4\r\nContent-Type: text/plain; charset=\"koi8-?=\\\"\""),
        "Subject: =?unknown-8bit?B?5A==?=\r\n"
        "Content-Type: text/plain; charset=\"koi8-?=\\\"\""
    );
}

TEST(MakeAscii, WritesParametersAsRfc2231) {
    EXPECT_EQ(
        ascii("Content-Disposition: attachment; filename=\"\xC3\x84 b.pdf\"; size=3"),
        "Content-Disposition: attachment; filename*=utf-8''%C3%84%20b.pdf; size=3"
    );
    EXPECT_EQ(
        ascii("Content-Type: a/b; name=\"\xC3\xA4;\\\"\";\r\n\tcharset=utf-8"),
        "Content-Type: a/b; name*=utf-8''%C3%A4%3B%22;\r\n\tcharset=utf-8"
    );
    EXPECT_EQ(ascii("Content-Type: t\xC3\xA4/b; x=y"), "Content-Type: t?\?/b; x=y");
    EXPECT_EQ(ascii("Content-Type: a/b; x*=\xC3"), "Content-Type: a/b; x*=?");
}

TEST(MakeAscii, LeavesSyntaxToFieldsThatHaveOne) {
    EXPECT_EQ(ascii("Message-ID: <a\xC3\xA4@x>"), "Message-ID: <a?\?@x>");
    EXPECT_EQ(ascii("References: <a@x> <b\xE4@x>"), "References: <a@x> <b?@x>");
}

}  // namespace
}  // namespace mxpost::mail
