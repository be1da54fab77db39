#include "local/alias_targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mxpost::local {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = AliasTarget::Kind;

AliasTarget to(const std::string& local_part, const std::string& domain = "") {
    return AliasTarget(mail::Address(local_part, domain));
}

std::vector<AliasTarget> targets(std::string_view text) {
    auto parsed = parse_alias_targets(text);
    EXPECT_TRUE(parsed) << parsed.error().message();
    return parsed ? *parsed : std::vector<AliasTarget>();
}

std::string fault(std::string_view text) {
    const auto parsed = parse_alias_targets(text);
    EXPECT_FALSE(parsed) << text;
    return parsed ? "" : parsed.error().message();
}

TEST(AliasTargets, AListIsSeparatedByCommasOnly) {
    EXPECT_THAT(
        targets(" ops@example.com, alice ,,\n  \"john doe\"@a.test,"),
        ElementsAre(to("ops", "example.com"), to("alice"), to("\"john doe\"", "a.test"))
    );
    EXPECT_THAT(targets(" ,\n"), IsEmpty());
    EXPECT_EQ(fault("alice bob"), "bad address \"alice bob\": name, no address");
    EXPECT_THAT(fault("a@a.test b@a.test"), HasSubstr("without a comma"));
    EXPECT_THAT(fault("alice\n bob"), HasSubstr("line end inside"));
}

TEST(AliasTargets, DisplayFormsAndCommentsAreReducedToTheAddress) {
    EXPECT_THAT(
        targets("Alice (x, y) <alice@a.test>, bob (the other), <carol>"),
        ElementsAre(to("alice", "a.test"), to("bob"), to("carol"))
    );
}

TEST(AliasTargets, WhatIsNoAddressMayBeQuotedAsAWholeOrBehindItsMark) {
    EXPECT_THAT(
        targets(R"("|/usr/bin/log -x, \"a b\"", |/bin/cat, |"/bin/sort -u")"),
        ElementsAre(
            AliasTarget(Kind::command, "/usr/bin/log -x, \"a b\""),
            AliasTarget(Kind::command, "/bin/cat"),
            AliasTarget(Kind::command, "/bin/sort -u")
        )
    );
    EXPECT_THAT(
        targets(R"(/var/mail/x, "/var/a, b@c", :include:/etc/list, ":Include: /etc/l 2", \root)"),
        ElementsAre(
            AliasTarget(Kind::file, "/var/mail/x"),
            AliasTarget(Kind::file, "/var/a, b@c"),
            AliasTarget(Kind::include, "/etc/list"),
            AliasTarget(Kind::include, "/etc/l 2"),
            AliasTarget(Kind::mailbox, "root")
        )
    );
}

TEST(AliasTargets, OtherBackslashesInACommandStay) {
    EXPECT_THAT(
        targets(R"("|/bin/printf \\n\t\"")"),
        ElementsAre(AliasTarget(Kind::command, "/bin/printf \\n\\t\""))
    );
}

TEST(AliasTargets, AnX400AddressIsNoFile) {
    EXPECT_THAT(targets("/G=Ann/S=Bo/@gate.test"), ElementsAre(to("/G=Ann/S=Bo/", "gate.test")));
}

TEST(AliasTargets, ANumberSignAfterWhiteSpaceBeginsAComment) {
    EXPECT_THAT(
        targets("ops@a.test # me, myself\n , a#b@c.test"),
        ElementsAre(to("ops", "a.test"), to("a#b", "c.test"))
    );
}

TEST(AliasTargets, WhatIsWrongIsSaid) {
    EXPECT_EQ(fault("\"|/bin/cat"), "unbalanced quote");
    EXPECT_EQ(fault("a (b"), "unbalanced parenthesis");
    EXPECT_THAT(fault("|"), HasSubstr("without a command"));
    EXPECT_THAT(fault("\"| \""), HasSubstr("without a command"));
    EXPECT_THAT(fault(":include:list"), HasSubstr("not an absolute path: list"));
    EXPECT_THAT(fault("\\"), HasSubstr("without a user's name"));
    EXPECT_THAT(fault("\\a@b.test"), HasSubstr("without a user's name"));
    EXPECT_THAT(fault("a@"), HasSubstr("bad address \"a@\""));
    EXPECT_THAT(fault("a@b@c"), HasSubstr("bad address"));
    EXPECT_THAT(fault("\"|/bin/cat \x01\""), HasSubstr("control character"));
    EXPECT_THAT(fault(std::string("|") + std::string(9000, 'x')), HasSubstr("too long"));
    EXPECT_THAT(fault(":fail: no"), HasSubstr("bad address"));
}

TEST(AliasTargets, TheWorkIsLinear) {
    std::string open(1'000'000, '(');
    EXPECT_EQ(fault(open), "unbalanced parenthesis");
    std::string many;
    for (int i = 0; i < 200'000; ++i) {
        many += "a,";
    }
    EXPECT_EQ(fault(many), "too many elements");
}

TEST(AliasTargets, AFileKeepsTheGoodLinesBesideTheBadOnes) {
    const auto file = parse_target_file("# members\nann@a.test, bob\n\na b\r\n\"c\ncarol@a.test");
    EXPECT_THAT(file.targets, ElementsAre(to("ann", "a.test"), to("bob"), to("carol", "a.test")));
    ASSERT_EQ(file.bad.size(), 2U);
    EXPECT_EQ(file.bad[0].number, 4U);
    EXPECT_EQ(file.bad[0].reason, "bad address \"a b\": name, no address");
    EXPECT_EQ(file.bad[1], BadLine(5, "unbalanced quote"));
}

TEST(AliasTargets, NamesAreComparedWithoutTheirQuotes) {
    EXPECT_EQ(unquoted_name("\"john doe\""), "john doe");
    EXPECT_EQ(unquoted_name("\"a\\\"b\\\\\""), "a\"b\\");
    EXPECT_EQ(unquoted_name("plain"), "plain");
    EXPECT_EQ(unquoted_name("\\"), "\\");
}

}  // namespace
}  // namespace mxpost::local
