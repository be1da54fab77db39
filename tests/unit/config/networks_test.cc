#include "config/networks.h"

#include <gtest/gtest.h>

namespace mxpost::config {
namespace {

IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}

std::vector<std::string> texts(const std::vector<ListenAddress>& addresses) {
    std::vector<std::string> result;
    for (const auto& address : addresses) {
        result.push_back(address.text());
    }
    return result;
}

TEST(IpAddress, HasOneFormForAMappedAddress) {
    EXPECT_EQ(ip("::ffff:192.0.2.1"), ip("192.0.2.1"));
    EXPECT_EQ(ip("::ffff:192.0.2.1").text(), "192.0.2.1");
    EXPECT_TRUE(ip("::ffff:127.0.0.1").is_loopback());
}

TEST(IpAddress, KnowsLoopback) {
    for (const char* text : {"127.0.0.1", "127.255.255.254", "::1"}) {
        EXPECT_TRUE(ip(text).is_loopback()) << text;
    }
    // ::127.0.0.1 is no mapped address but a long deprecated form that nobody routes to us.
    for (const char* text : {"128.0.0.1", "126.0.0.1", "0.0.0.0", "::", "::2", "::127.0.0.1"}) {
        EXPECT_FALSE(ip(text).is_loopback()) << text;
    }
}

TEST(ListenAddress, IsReadInTheUsualForms) {
    const auto read =
        parse_listen_addresses("127.0.0.1:25, [::1]:2525 192.0.2.1 2001:db8::1,/run/mxpost/s.sock");
    EXPECT_EQ(
        texts(read.value()),
        (std::vector<std::string>{
            "127.0.0.1:25", "[::1]:2525", "192.0.2.1:25", "[2001:db8::1]:25", "/run/mxpost/s.sock"})
    );
    EXPECT_EQ(parse_listen_addresses("::1, [::1]:25").value().size(), 1U);
}

TEST(ListenAddress, RefusesWhatItCantListenOn) {
    for (const char* text :
         {"localhost:25",
          "25",
          ":25",
          "127.0.0.1:",
          "127.0.0.1:0",
          "127.0.0.1:65536",
          "[::1]25",
          "[::1",
          "[127.0.0.1]x",
          "run/s.sock",
          "/run/../etc/x"}) {
        EXPECT_FALSE(parse_listen_addresses(text)) << text;
    }
    EXPECT_FALSE(parse_listen_addresses("/" + std::string(107, 'x')));
}

TEST(ListenAddress, SaysWhetherOthersCanReachIt) {
    const auto read = parse_listen_addresses("127.0.0.2 ::1 /s 0.0.0.0 :: 192.0.2.1").value();
    EXPECT_TRUE(read[0].is_local() && read[1].is_local() && read[2].is_local());
    EXPECT_FALSE(read[3].is_local() || read[4].is_local() || read[5].is_local());
}

TEST(Network, ContainsItsAddressesInEveryForm) {
    const auto networks = parse_networks("10.0.0.0/8, 192.0.2.7, 2001:db8::/33, 198.51.100.128/25");
    ASSERT_TRUE(networks);
    const auto in = [&](std::size_t at, const char* text) {
        return (*networks)[at].contains(ip(text));
    };
    EXPECT_TRUE(in(0, "10.255.0.1"));
    EXPECT_TRUE(in(0, "::ffff:10.1.2.3"));
    EXPECT_FALSE(in(0, "11.0.0.0"));
    EXPECT_TRUE(in(1, "192.0.2.7"));
    EXPECT_FALSE(in(1, "192.0.2.6"));
    EXPECT_TRUE(in(2, "2001:db8:7fff::1"));
    EXPECT_FALSE(in(2, "2001:db8:8000::1"));
    EXPECT_TRUE(in(3, "198.51.100.128"));
    EXPECT_FALSE(in(3, "198.51.100.127"));
}

TEST(Network, KeepsTheFamiliesApart) {
    const auto all = parse_networks("0.0.0.0/0 ::/0").value();
    EXPECT_TRUE(all[0].contains(ip("203.0.113.9")));
    EXPECT_FALSE(all[0].contains(ip("2001:db8::9")));
    EXPECT_FALSE(all[1].contains(ip("203.0.113.9")));
    EXPECT_TRUE(all[1].contains(ip("2001:db8::9")));
}

TEST(Network, RefusesFurtherBitsAndNonsense) {
    for (const char* text :
         {"10.0.0.1/8",
          "10.0.0.0/33",
          "10.0.0.0/",
          "10.0.0.0/-1",
          "2001:db8::1/64",
          "::/129",
          "::ffff:10.0.0.0/104",
          "example.com",
          "10.0.0"}) {
        EXPECT_FALSE(parse_networks(text)) << text;
    }
    EXPECT_NE(parse_networks("10.0.0.1/8").error().message().find("10.0.0.0/8"), std::string::npos);
}

TEST(Reach, IsThisHostOnlyUnlessNetworksAreNamed) {
    const auto addresses = [](const char* text) { return parse_listen_addresses(text).value(); };
    EXPECT_TRUE(check_reach({}, {}));
    EXPECT_TRUE(check_reach(addresses("127.0.0.1:2525 /run/x.sock ::1"), {}));
    const auto networks = parse_networks("10.0.0.0/8").value();
    for (const char* text : {"0.0.0.0:25", "[::]:25", "192.0.2.1", "127.0.0.1, 10.0.0.1"}) {
        EXPECT_FALSE(check_reach(addresses(text), {})) << text;
        EXPECT_TRUE(check_reach(addresses(text), networks)) << text;
    }
    EXPECT_EQ(
        check_reach(addresses("127.0.0.1, 10.0.0.1:25"), {}).error().message(),
        "listen: other hosts can reach 10.0.0.1:25, so relay-networks must say which of them may "
        "send through this one"
    );
}

TEST(Reach, OfStrangersIsWarnedOf) {
    EXPECT_TRUE(reach_warnings(parse_networks("10.0.0.0/8 2001:db8::/32 127.0.0.1").value()).empty()
    );
    EXPECT_EQ(reach_warnings(parse_networks("0.0.0.0/0 ::/0 128.0.0.0/1").value()).size(), 3U);
}

}  // namespace
}  // namespace mxpost::config
