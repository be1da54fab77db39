#include "diagnose/stated_delay.h"

#include <string>

#include <gtest/gtest.h>

namespace mxpost::diagnose {
namespace {

using namespace std::chrono_literals;

TEST(StatedDelay, ReadsTheFormsThatServersUse) {
    EXPECT_EQ(stated_delay("Greylisted for 5 minutes"), 5min);
    EXPECT_EQ(stated_delay("please come back in 00:04:59"), 299s);
    EXPECT_EQ(stated_delay("Greylisting in action, retry in 4:59"), 299s);
    EXPECT_EQ(stated_delay("come back in 00:05:00: greylisted"), 5min);
    EXPECT_EQ(stated_delay("retry in 1:00:00."), 1h);
    EXPECT_EQ(stated_delay("Try again in 300s"), 300s);
    EXPECT_EQ(stated_delay("TRY AGAIN AFTER 1 HOUR"), 1h);
    EXPECT_EQ(stated_delay("you must wait 120 secs before"), 120s);
    EXPECT_EQ(stated_delay("come back in at least 2 mins"), 2min);
    EXPECT_EQ(stated_delay("in 99999999999999999999999 s"), 24h * 365);
}

TEST(StatedDelay, IsNotFoundInOtherNumbers) {
    EXPECT_EQ(stated_delay(""), std::nullopt);
    EXPECT_EQ(stated_delay("4.7.1 too many connections from 192.0.2.1"), std::nullopt);
    EXPECT_EQ(stated_delay("user 300 seconds it"), std::nullopt);
    EXPECT_EQ(stated_delay("in 300"), std::nullopt);
    EXPECT_EQ(stated_delay("in 300 parsecs"), std::nullopt);
    EXPECT_EQ(stated_delay("in 12:"), std::nullopt);
    EXPECT_EQ(stated_delay("in (300 seconds)"), std::nullopt);
}

TEST(StatedDelay, AnIpv6AddressIsNoTime) {
    for (const char* address :
         {"2600:1901:0:1::5",
          "20:1901:0:1::5",
          "20:10:0:1::5",
          "20:10::5",
          "20:10:30::5",
          "20:10:30:40:50:60:70:80",
          "20:10:3a::5",
          "20:10:30ab::",
          "20:10::",
          "20:100:30"}) {
        EXPECT_EQ(stated_delay("too many connections for " + std::string(address)), std::nullopt)
            << address;
    }
    EXPECT_EQ(stated_delay("too many from 2600:1901::5 for 00:10:00"), 10min);
}

}  // namespace
}  // namespace mxpost::diagnose
