#include "route/special_address.h"

#include <gtest/gtest.h>

namespace mxpost::route {
namespace {

using boost::asio::ip::make_address;

TEST(WhyUnusable, RefusesAddressesWhereNoOtherHostCanBe) {
    for (const char* text :
         {"0.0.0.0",
          "0.255.255.255",
          "127.0.0.1",
          "127.255.255.254",
          "224.0.0.1",
          "239.255.255.255",
          "255.255.255.255",
          "::",
          "::1",
          "ff02::1",
          "fe80::1",
          "::ffff:127.0.0.1",
          "::ffff:0.0.0.0",
          "::127.0.0.1",
          "::ffff:224.0.0.1"}) {
        EXPECT_NE(why_unusable(make_address(text)), "") << text;
    }
}

TEST(WhyUnusable, AllowsPublicAndPrivateAddresses) {
    for (const char* text :
         {"192.0.2.1",
          "10.0.0.1",
          "172.16.0.1",
          "192.168.1.1",
          "100.64.0.1",
          "1.0.0.0",
          "126.255.255.255",
          "128.0.0.1",
          "223.255.255.255",
          "2001:db8::1",
          "fd00::1",
          "::ffff:10.0.0.1"}) {
        EXPECT_EQ(why_unusable(make_address(text)), "") << text;
    }
}

TEST(WhyUnusable, NamesTheReason) {
    EXPECT_EQ(why_unusable(make_address("::ffff:127.0.0.1")), "a loopback address");
    EXPECT_EQ(why_unusable(make_address("0.0.0.0")), "an unspecified address");
}

TEST(Unmapped, TakesAnIpv4AddressOutOfAMappedOne) {
    EXPECT_EQ(unmapped(make_address("::ffff:192.0.2.1")), make_address("192.0.2.1"));
    EXPECT_EQ(unmapped(make_address("2001:db8::1")), make_address("2001:db8::1"));
}

}  // namespace
}  // namespace mxpost::route
