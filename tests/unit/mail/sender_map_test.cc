#include "mail/sender_map.h"

#include <gtest/gtest.h>

namespace mxpost::mail {
namespace {

std::string find(const SenderMap& map, std::string_view address, bool is_own = false) {
    const auto found = map.find(parse_smtp_address(address).value(), is_own);
    return found ? found->text() : "-";
}

SenderMap map_of(std::string_view text) {
    ParsedSenderMap parsed = parse_sender_map(text);
    EXPECT_TRUE(parsed.bad.empty()) << parsed.bad.at(0).reason;
    return std::move(parsed.map);
}

std::string reason(std::string_view text) {
    const ParsedSenderMap parsed = parse_sender_map(text);
    EXPECT_EQ(parsed.bad.size(), 1U) << text;
    return parsed.bad.empty() ? "" : parsed.bad.at(0).reason;
}

TEST(SenderMap, LooksForTheNearestPatternWhateverTheOrderOfLines) {
    const SenderMap map = map_of(
        "*            everybody@out.example\n"
        "@a.example   @b.example\n"
        "root@*       any-root@out.example\n"
        "root         own-root@out.example\n"
        "root@a.example exact@out.example\n"
    );
    EXPECT_EQ(find(map, "root@a.example", true), "exact@out.example");
    EXPECT_EQ(find(map, "root@host.example", true), "own-root@out.example");
    EXPECT_EQ(find(map, "root"), "own-root@out.example");
    EXPECT_EQ(find(map, "root@elsewhere.example"), "any-root@out.example");
    EXPECT_EQ(find(map, "alice@a.example", true), "alice@b.example");
    EXPECT_EQ(find(map, "alice@c.example", true), "everybody@out.example");
    EXPECT_EQ(find(map, "alice"), "everybody@out.example");
}

TEST(SenderMap, ABareUserIsAUserOfThisHostOnly) {
    const SenderMap map = map_of("www-data noreply@shop.example");
    EXPECT_EQ(find(map, "www-data@web1.example", true), "noreply@shop.example");
    EXPECT_EQ(find(map, "www-data@elsewhere.example", false), "-");
    EXPECT_EQ(find(map, "www-data2@web1.example", true), "-");
}

TEST(SenderMap, ADomainDoesntCoverTheNamesBelowIt) {
    const SenderMap map = map_of("@a.example @b.example");
    EXPECT_EQ(find(map, "x@sub.a.example"), "-");
    EXPECT_EQ(find(map, "x@xa.example"), "-");
    EXPECT_EQ(find(map, "x"), "-");
}

TEST(SenderMap, CaseDoesntMatterInPatternsAndIsKeptInAddresses) {
    const SenderMap map = map_of("Root@A.Example Ops@Out.example\n@B.example @C.example");
    EXPECT_EQ(find(map, "rOOT@a.eXAMPLE"), "Ops@Out.example");
    EXPECT_EQ(find(map, "MiXed@b.EXAMPLE"), "MiXed@C.example");
}

TEST(SenderMap, TakesOtherWaysToWriteTheSame) {
    const SenderMap map = map_of(
        "# accounts of this host\r\n"
        "\t root:\t ops@out.example   # the administrator\r\n"
        "*@a.example   @b.example\n"
    );
    EXPECT_EQ(find(map, "root", true), "ops@out.example");
    EXPECT_EQ(find(map, "x@a.example"), "x@b.example");
}

TEST(SenderMap, TakesAddressLiteralsAndQuotedUsers) {
    const SenderMap map = map_of("@[192.0.2.1] @a.example\n\"a;b\"@x.example ab@x.example\n");
    EXPECT_EQ(find(map, "root@[192.0.2.1]"), "root@a.example");
    EXPECT_EQ(find(map, "\"a;b\"@x.example"), "ab@x.example");
}

TEST(SenderMap, NamesBadLinesAndKeepsTheRest) {
    const ParsedSenderMap parsed = parse_sender_map(
        "root@* ops@a.example\n"
        "alice\n"
        "\n"
        "bob bob@b.example carl@b.example\n"
        "dora d@d.example\n"
    );
    ASSERT_EQ(parsed.bad.size(), 2U);
    EXPECT_EQ(parsed.bad[0].number, 2U);
    EXPECT_EQ(parsed.bad[0].reason, "\"alice\" has no address to become");
    EXPECT_EQ(parsed.bad[1].number, 4U);
    EXPECT_EQ(find(parsed.map, "dora", true), "d@d.example");
    EXPECT_EQ(find(parsed.map, "root"), "ops@a.example");
}

TEST(SenderMap, RefusesWhatIsNoPatternOrNoAddress) {
    EXPECT_EQ(
        reason("a@b@c x@y.example"),
        "\"a@b@c\" is no pattern (user@domain, user, user@*, @domain or *)"
    );
    EXPECT_NE(reason("ro*@a.example x@y.example"), "");  // '*' stands for all, never for a part
    EXPECT_NE(reason("@a..example x@y.example"), "");
    EXPECT_NE(reason("@ x@y.example"), "");
    EXPECT_NE(reason("root@a@* x@y.example"), "");
    EXPECT_EQ(reason("root nobody"), "\"nobody\" is no address with a domain, and no \"@domain\"");
    EXPECT_NE(reason("root <x@y.example>"), "");
    EXPECT_NE(reason("root @"), "");
    EXPECT_NE(reason("root x@y.example\x01"), "");
    EXPECT_EQ(
        reason("root a@y.example\nROOT b@y.example"),
        "\"ROOT\" stands further up already, that line counts"
    );
}

TEST(SenderMap, BoundsWhatItReports) {
    std::string text;
    for (int i = 0; i < 5000; ++i) {
        text += "bad\n";
    }
    EXPECT_EQ(parse_sender_map(text).bad.size(), 100U);
}

}  // namespace
}  // namespace mxpost::mail
