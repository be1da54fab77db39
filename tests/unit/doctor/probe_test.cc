#include "doctor/probe.h"

#include "doctor_test.h"

namespace mxpost::doctor {
namespace {

TEST(AddressIn, GreetingsTellOurAddress) {
    EXPECT_EQ(address_in("250-mx.google.com at your service, [203.0.113.9]"), ip("203.0.113.9"));
    EXPECT_EQ(address_in("250 hello x [IPv6:2001:db8::1]"), ip("2001:db8::1"));
    EXPECT_EQ(address_in("220 [not one] then [192.0.2.1]"), ip("192.0.2.1"));
    EXPECT_FALSE(address_in("220 mx [192.0.2.1"));
    EXPECT_FALSE(address_in("250-STARTTLS"));
}

TEST(TimeIn, GreetingsTellTheTime) {
    const auto expected = std::chrono::sys_seconds(std::chrono::seconds(1795762044));
    EXPECT_EQ(time_in("220 mx ESMTP; Fri, 27 Nov 2026 06:47:24 +0000"), expected);
    EXPECT_EQ(time_in("220 mx ESMTP Sendmail; Fri, 27 Nov 2026 07:47:24 +0100 (CET)"), expected);
    EXPECT_FALSE(time_in("220 mx ESMTP; Fri, no time"));
    EXPECT_FALSE(time_in("220 mx ESMTP"));
}

}  // namespace
}  // namespace mxpost::doctor
