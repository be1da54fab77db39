#include "spf/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mxpost::spf {
namespace {

using testing::HasSubstr;

TEST(SpfRecord, WhatIsOne) {
    EXPECT_TRUE(is_spf_record("v=spf1"));
    EXPECT_TRUE(is_spf_record("V=SPF1 -all"));
    EXPECT_FALSE(is_spf_record("v=spf10 -all"));
    EXPECT_FALSE(is_spf_record("v=spf"));
    EXPECT_FALSE(is_spf_record(" v=spf1"));
}

TEST(SpfRecord, EveryTerm) {
    const auto record = parse_record(
        "v=spf1  +a mx:%{d}/24//64 ?include:_spf.example.net ~exists:%{i}.example.com ptr "
        "ip4:192.0.2.0/24 -ip6:2001:db8::/32 exp=why.example.com redirect=_spf.example.org x.y=z "
        "-all"
    );
    ASSERT_TRUE(record) << record.error().message();
    ASSERT_EQ(record->directives.size(), 8U);
    EXPECT_EQ(record->directives[0].mechanism, Mechanism::a);
    const Directive& mx = record->directives[1];
    EXPECT_EQ(mx.domain, "%{d}");
    EXPECT_EQ(mx.prefix4, 24U);
    EXPECT_EQ(mx.prefix6, 64U);
    EXPECT_EQ(record->directives[2].qualifier, Qualifier::neutral);
    EXPECT_EQ(record->directives[3].qualifier, Qualifier::softfail);
    EXPECT_EQ(record->directives[5].network, boost::asio::ip::make_address("192.0.2.0"));
    EXPECT_EQ(record->directives[6].prefix6, 32U);
    EXPECT_EQ(record->directives[7].qualifier, Qualifier::fail);
    EXPECT_EQ(record->redirect, "_spf.example.org");
    EXPECT_EQ(record->explanation, "why.example.com");
}

TEST(SpfRecord, FaultsNameTheTerm) {
    for (const char* term : {"all.",        "all:x.y",        "a:",
                             "a/33",        "a/024",          "a/",
                             "a//129",      "a:com",          "ip4:1.2.3",
                             "ip4",         "ip4:1.2.3.4/33", "ip4:1.2.3.4/",
                             "ip6:1.2.3.4", "ip6:::1%lo",     "include",
                             "include:",    "exists",         "exists:%{x}",
                             "moo",         "ptr:",           "redirect=",
                             "redirect=x",  "exp=",           "y=%",
                             "-",           "include:a.b/24"}) {
        const auto record = parse_record(std::string("v=spf1 a ") + term + " -all");
        ASSERT_FALSE(record) << term;
        EXPECT_THAT(record.error().message(), HasSubstr(std::string("\"") + term + "\"")) << term;
    }
    EXPECT_FALSE(parse_record("v=spf1 redirect=a.b redirect=a.b"));
    EXPECT_FALSE(parse_record("v=spf1 a\t-all"));
}

}  // namespace
}  // namespace mxpost::spf
