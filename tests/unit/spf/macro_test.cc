#include "spf/macro.h"

#include <gtest/gtest.h>

namespace mxpost::spf {
namespace {

MacroValues example() {
    MacroValues values;
    values.local_part = "strong-bad";
    values.sender_domain = "email.example.com";
    values.domain = "email.example.com";
    values.client = boost::asio::ip::make_address("192.0.2.3");
    return values;
}

// RFC 7208 7.4
TEST(Macro, TheRfcsExamples) {
    const MacroValues values = example();
    EXPECT_EQ(expand("%{s}", values), "strong-bad@email.example.com");
    EXPECT_EQ(expand("%{d4}", values), "email.example.com");
    EXPECT_EQ(expand("%{d2}", values), "example.com");
    EXPECT_EQ(expand("%{d1}", values), "com");
    EXPECT_EQ(expand("%{dr}", values), "com.example.email");
    EXPECT_EQ(expand("%{d2r}", values), "example.email");
    EXPECT_EQ(expand("%{l-}", values), "strong.bad");
    EXPECT_EQ(expand("%{lr-}", values), "bad.strong");
    EXPECT_EQ(expand("%{l1r-}", values), "strong");
    EXPECT_EQ(expand("%{ir}.%{v}._spf.%{d2}", values), "3.2.0.192.in-addr._spf.example.com");
    EXPECT_EQ(expand("%{lr-}.lp._spf.%{d2}", values), "bad.strong.lp._spf.example.com");
}

TEST(Macro, AddressesOfIPv6AreNibbles) {
    MacroValues values = example();
    values.client = boost::asio::ip::make_address("2001:db8::cb01");
    EXPECT_EQ(
        expand("%{ir}.%{v}", values),
        "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6"
    );
    EXPECT_EQ(expand("%{c}", values), "2001:db8::cb01");
}

TEST(Macro, WhatIsNone) {
    for (const char* text :
         {"%", "%{", "%{}", "%{d", "%{d0}", "%{x}", "%{c}", "%{dx}", "%a", "a b"}) {
        EXPECT_FALSE(is_macro_string(text, MacroUse::domain)) << text;
    }
    EXPECT_TRUE(is_macro_string("%{c} is %{t}%%%_%-", MacroUse::explanation));
    EXPECT_TRUE(is_macro_string("%{d99999999999999999999r.-+,/_=}", MacroUse::domain));
}

TEST(Macro, DomainsEndWithATopLabelOrAMacro) {
    for (const char* text :
         {"example.com", "example.com.", "%{d}", "a.%{d2}", "%{i}.x-y", "a.1b"}) {
        EXPECT_TRUE(is_domain_spec(text)) << text;
    }
    for (const char* text :
         {"", "com", "a.1", "a.-b", "a.b-", "%{d}com", "a.%%", "a.b%_", "a..", "a.b/c"}) {
        EXPECT_FALSE(is_domain_spec(text)) << text;
    }
}

TEST(Macro, LongNamesLoseLabelsOnTheLeft) {
    std::string name;
    for (int i = 0; i < 60; ++i) {
        name += "label.";
    }
    name += "example";
    const std::string kept = shortened(name);
    EXPECT_LE(kept.size(), 253U);
    EXPECT_GT(kept.size(), 247U);
    EXPECT_TRUE(name.ends_with("." + kept));
}

}  // namespace
}  // namespace mxpost::spf
