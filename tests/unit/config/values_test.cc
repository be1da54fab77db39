#include "config/values.h"

#include <gtest/gtest.h>

namespace mxpost::config {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Duration, TakesUnitsAndSums) {
    EXPECT_EQ(parse_duration("90s").value(), seconds(90));
    EXPECT_EQ(parse_duration("15m").value(), minutes(15));
    EXPECT_EQ(parse_duration("1h30m").value(), minutes(90));
    EXPECT_EQ(parse_duration("5d").value(), hours(120));
    EXPECT_EQ(parse_duration("1W").value(), hours(168));
    EXPECT_EQ(parse_duration("0").value(), seconds(0));
}

TEST(Duration, TakesABareNumberOnlyWhereThatHasAUnit) {
    EXPECT_FALSE(parse_duration("15"));
    EXPECT_EQ(parse_duration("15", minutes(1)).value(), minutes(15));
    EXPECT_FALSE(parse_duration("1h30"));
}

TEST(Duration, RefusesNonsenseAndOverflow) {
    for (const char* text :
         {"",
          "m",
          "5x",
          "-5m",
          "5 m",
          "1.5h",
          "5mm",
          "18446744073709551615w",
          "600w",
          "9999999999d"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

TEST(Size, TakesPowersOf1024) {
    EXPECT_EQ(parse_size("4096").value(), 4096U);
    EXPECT_EQ(parse_size("64k").value(), 65536U);
    EXPECT_EQ(parse_size("50M").value(), 52428800U);
    EXPECT_EQ(parse_size("2 GiB").value(), 2147483648U);
    EXPECT_EQ(parse_size("0").value(), 0U);
}

TEST(Size, RefusesNonsenseAndOverflow) {
    for (const char* text : {"", "M", "-1", "5x", "1.5M", "1MM", "9999999999999G", "16777216T"}) {
        EXPECT_FALSE(parse_size(text)) << text;
    }
}

TEST(Path, MustBeAbsoluteAndStraight) {
    EXPECT_EQ(parse_path("/var/spool/").value(), "/var/spool");
    EXPECT_EQ(parse_path("/").value(), "/");
    EXPECT_EQ(parse_path("/a..b/c").value(), "/a..b/c");
    for (const char* text : {"", "spool", "/a/../b", "/a/..", "/a\nb"}) {
        EXPECT_FALSE(parse_path(text)) << text;
    }
}

TEST(HeloName, IsADomainOrAnAddressLiteral) {
    EXPECT_EQ(parse_helo_name("Mail.Example.COM.").value(), "mail.example.com");
    EXPECT_EQ(parse_helo_name("[192.0.2.1]").value(), "[192.0.2.1]");
    EXPECT_EQ(parse_helo_name("[IPv6:2001:db8::1]").value(), "[IPv6:2001:db8::1]");
    for (const char* text : {"", "[]", "[192.0.2]", "[2001:db8::1]", "a b", "a\r\nRCPT TO:<x>"}) {
        EXPECT_FALSE(parse_helo_name(text)) << text;
    }
}

TEST(IpAddresses, AreSeparatedByCommasOrSpaces) {
    EXPECT_EQ(
        parse_ip_addresses("192.0.2.53, 2001:db8::53 192.0.2.54").value(),
        (std::vector<std::string>{"192.0.2.53", "2001:db8::53", "192.0.2.54"})
    );
    EXPECT_FALSE(parse_ip_addresses("192.0.2.53, ns.example"));
}

TEST(Values, ResolverIsServersOrAWordOrBoth) {
    const auto servers = parse_resolver("192.0.2.53, 2001:db8::53").value();
    EXPECT_FALSE(servers.is_validating);
    EXPECT_EQ(servers.servers, (std::vector<std::string>{"192.0.2.53", "2001:db8::53"}));
    const auto validating = parse_resolver("validating").value();
    EXPECT_TRUE(validating.is_validating);
    EXPECT_TRUE(validating.servers.empty());
    const auto both = parse_resolver("validating, 192.0.2.53").value();
    EXPECT_TRUE(both.is_validating);
    EXPECT_EQ(both.servers, (std::vector<std::string>{"192.0.2.53"}));
    EXPECT_FALSE(parse_resolver("validated"));
    EXPECT_FALSE(parse_resolver("ns.example"));
}

TEST(MasqueradeDomains, MayBeExcluded) {
    EXPECT_EQ(
        parse_masquerade_domains("!Lab.example.com, example.com").value(),
        (std::vector<std::string>{"!lab.example.com", "example.com"})
    );
    EXPECT_FALSE(parse_masquerade_domains("!"));
    EXPECT_FALSE(parse_masquerade_domains("!!a.example"));
    EXPECT_FALSE(parse_masquerade_domains("root@a.example"));
}

TEST(Users, HaveNoDomain) {
    EXPECT_EQ(
        parse_users("root, www-data").value(), (std::vector<std::string>{"root", "www-data"})
    );
    EXPECT_FALSE(parse_users("root@a.example"));
}

}  // namespace
}  // namespace mxpost::config
