#include "mail/sender_rewriter.h"

#include <gtest/gtest.h>

namespace mxpost::mail {
namespace {

SenderRewriter rewriter(
    std::string_view map,
    Masquerade masquerade = {},
    std::vector<std::string> own = {"Web1.example"}
) {
    return {parse_sender_map(map).map, own, std::move(masquerade)};
}

std::string rewritten(const SenderRewriter& with, std::string_view address) {
    return with.rewrite(parse_smtp_address(address).value()).text();
}

std::string rewritten_header(const SenderRewriter& with, std::string_view text) {
    HeaderBlock header = parse_header(text);
    const bool is_changed = rewrite_senders(header, with);
    EXPECT_EQ(is_changed, header.text() != text);
    return header.text();
}

TEST(SenderRewriter, LeavesEverythingAloneByDefault) {
    const SenderRewriter none;
    EXPECT_TRUE(none.is_idle());
    EXPECT_EQ(rewritten(none, "root@web1.example"), "root@web1.example");
    EXPECT_EQ(rewritten_header(none, "From: root\r\n"), "From: root\r\n");
}

TEST(SenderRewriter, KnowsThisHostsDomainsForBareUsers) {
    const SenderRewriter with = rewriter("root ops@out.example");
    EXPECT_EQ(rewritten(with, "root@web1.EXAMPLE"), "ops@out.example");
    EXPECT_EQ(rewritten(with, "root@other.example"), "root@other.example");
}

TEST(SenderRewriter, MasqueradesNamesBelowADomain) {
    const SenderRewriter with = rewriter("", {{"example.com"}, {"root"}});
    EXPECT_EQ(rewritten(with, "alice@a.b.EXAMPLE.com"), "alice@example.com");
    EXPECT_EQ(rewritten(with, "alice@Example.com"), "alice@Example.com");
    EXPECT_EQ(rewritten(with, "alice@notexample.com"), "alice@notexample.com");
    EXPECT_EQ(rewritten(with, "Root@a.example.com"), "Root@a.example.com");
}

TEST(SenderRewriter, TakesTheFirstMasqueradeDomainThatMatches) {
    const SenderRewriter with =
        rewriter("", {{"dev.example.com", "!lab.example.com", "example.com"}, {}});
    EXPECT_EQ(rewritten(with, "x@a.dev.example.com"), "x@dev.example.com");
    EXPECT_EQ(rewritten(with, "x@dev.example.com"), "x@dev.example.com");
    EXPECT_EQ(rewritten(with, "x@a.lab.example.com"), "x@a.lab.example.com");
    EXPECT_EQ(rewritten(with, "x@a.example.com"), "x@example.com");
}

TEST(SenderRewriter, MasqueradesWhatTheMapMadeAndAppliesTheMapOnce) {
    const SenderRewriter with = rewriter(
        "root alice@web1.example\nalice bob@web1.example\n@x.example @a.out.example\n",
        {{"out.example"}, {}}
    );
    EXPECT_EQ(rewritten(with, "root@web1.example"), "alice@web1.example");
    EXPECT_EQ(rewritten(with, "y@x.example"), "y@out.example");
}

TEST(SenderRewriter, TheNullPathStaysNull) {
    const SenderRewriter with = rewriter("* noreply@out.example");
    EXPECT_EQ(rewrite(with, std::nullopt), std::nullopt);
    EXPECT_EQ(path_text(rewrite(with, Address("x", "y.example"))), "noreply@out.example");
}

TEST(RewriteSenders, ChangesOnlyTheAddressAndKeepsTheOriginal) {
    EXPECT_EQ(
        rewritten_header(
            rewriter("root noreply@out.example"),
            "To: root@web1.example\r\n"
            "From: \"Cron\" (of =?utf-8?q?a?=)\r\n\t<root@web1.example> (daemon)\r\n"
            "Subject: x\r\n"
        ),
        "To: root@web1.example\r\n"
        "From: \"Cron\" (of =?utf-8?q?a?=)\r\n\t<noreply@out.example> (daemon)\r\n"
        "X-Original-From: \"Cron\" (of =?utf-8?q?a?=)\r\n\t<root@web1.example> (daemon)\r\n"
        "Subject: x\r\n"
    );
}

TEST(RewriteSenders, CoversAllFormsOfASender) {
    EXPECT_EQ(
        rewritten_header(
            rewriter("@a.example @b.example"),
            "Sender: <@route.example:s@a.example>\r\n"
            "From: x@a.example, \"y\"@a.example, team: z@a.example, w@c.example;\r\n"
            "Resent-From: r@a.example (me)\r\n"
            "Resent-Sender: s@A.example\r\n"
        ),
        "Sender: <s@b.example>\r\n"
        "From: x@b.example, y@b.example, team: z@b.example, w@c.example;\r\n"
        "X-Original-From: x@a.example, \"y\"@a.example, team: z@a.example, w@c.example;\r\n"
        "Resent-From: r@b.example (me)\r\n"
        "Resent-Sender: s@b.example\r\n"
    );
}

TEST(RewriteSenders, ReplyToIsMasqueradedButNeverMapped) {
    EXPECT_EQ(
        rewritten_header(
            rewriter("* noreply@out.example", {{"example.com"}, {}}),
            "From: form@web1.example\r\nReply-To: customer@else.example, a@h.example.com\r\n"
        ),
        "From: noreply@out.example\r\nX-Original-From: form@web1.example\r\n"
        "Reply-To: customer@else.example, a@example.com\r\n"
    );
}

TEST(RewriteSenders, ReplacesAnOriginalThatSomebodyElseWrote) {
    const SenderRewriter with = rewriter("root noreply@out.example");
    EXPECT_EQ(
        rewritten_header(
            with, "x-original-from: forged\r\nFrom: root@web1.example\r\nX-Original-From: too\r\n"
        ),
        "From: noreply@out.example\r\nX-Original-From: root@web1.example\r\n"
    );
    EXPECT_EQ(
        rewritten_header(with, "X-Original-From: of before\r\nFrom: a@b.example\r\n"),
        "X-Original-From: of before\r\nFrom: a@b.example\r\n"
    );
}

TEST(RewriteSenders, KeepsAnOriginalBeyondAsciiAsText) {
    EXPECT_EQ(
        rewritten_header(
            rewriter("* noreply@out.example"), "From: j\xC3\xB6rg@web1.example\r\nSubject: x\r\n"
        ),
        "From: noreply@out.example\r\n"
        "X-Original-From: =?utf-8?Q?j=C3=B6rg=40web1=2Eexample?=\r\nSubject: x\r\n"
    );
}

TEST(RewriteSenders, LeavesWhatCantBeParsed) {
    const SenderRewriter with = rewriter("* noreply@out.example");
    for (const char* field :
         {"From: My Site info@web1.example\r\n",
          "From: <root@web1.example\r\n",
          "From: @\r\n",
          "From: \r\n"}) {
        EXPECT_EQ(rewritten_header(with, field), field);
    }
}

}  // namespace
}  // namespace mxpost::mail
