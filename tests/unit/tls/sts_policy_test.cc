#include "tls/sts_policy.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mxpost::tls {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::optional<std::string> id_of(const std::vector<std::string>& texts) {
    std::vector<dns::TxtRecord> records;
    for (const std::string& text : texts) {
        records.emplace_back(text);
    }
    return sts_id(records);
}

/// "" or what is wrong.
std::string fault_of(const std::string& text) {
    const auto policy = parse_sts_policy(text);
    return policy ? "" : policy.error().message();
}

const std::string kPolicy =
    "version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\nmax_age: 604800\n";

TEST(StsRecord, GivesItsId) {
    EXPECT_EQ(id_of({"v=STSv1; id=20160831085700Z;"}), "20160831085700Z");
    EXPECT_EQ(id_of({"v=STSv1;id=1"}), "1");
    EXPECT_EQ(id_of({"v=STSv1 \t; \tid=1 ; x-ext=some/value"}), "1");
    EXPECT_EQ(id_of({"v=STSv1; other=1; id=2"}), "2");
    EXPECT_EQ(id_of({"v=STSv1; id=1; id=2"}), "1");
    EXPECT_EQ(id_of({"v=STSv1; id=" + std::string(32, 'a')}), std::string(32, 'a'));
}

TEST(StsRecord, OthersBesideItDontCount) {
    EXPECT_EQ(id_of({"v=spf1 -all", "v=STSv1; id=1", "v=STSv2; id=7", "V=STSv1; id=8"}), "1");
}

TEST(StsRecord, IsNoneWhenItIsntOneOrIsMalformed) {
    const std::vector<std::vector<std::string>> tables = {
        {},
        {""},
        {"v=STSv1"},
        {"v=STSv1;"},
        {"v=STSv1; id="},
        {"v=STSv1; id=a-b"},
        {"v=STSv1; id=" + std::string(33, 'a')},
        {"v=STSv1; id=1; broken"},
        {"v=STSv1; id=1; =x"},
        {"v=STSv1; id=1;; x=y"},
        {"v=STSv1; id=1; x=\xff"},
        {" v=STSv1; id=1"},
        {"id=1; v=STSv1"},
        {"v=STSv1; id=1", "v=STSv1; id=2"},
        {"v=STSv1; id=1", "v=STSv1; id=1"},
        {"v=STSv1; id=1; x=" + std::string(10000, 'y')}};
    for (const auto& texts : tables) {
        EXPECT_EQ(id_of(texts), std::nullopt) << (texts.empty() ? "" : texts.front());
    }
}

TEST(StsPolicyText, SaysWhatItSays) {
    const auto policy = parse_sts_policy(kPolicy);
    ASSERT_TRUE(policy) << policy.error().message();
    EXPECT_EQ(policy->mode, StsMode::enforce);
    EXPECT_THAT(policy->mx, ElementsAre("mail.example.com", "*.example.net"));
    EXPECT_EQ(policy->max_age, std::chrono::seconds(604800));
}

TEST(StsPolicyText, IsTheSameAfterwards) {
    const auto policy = parse_sts_policy(kPolicy);
    ASSERT_TRUE(policy);
    std::string text;
    for (const std::string& line : lines_of(*policy)) {
        text += line + "\r\n";
    }
    const auto again = parse_sts_policy(text);
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, *policy);
}

TEST(StsPolicyText, MayHaveEitherLineEndAndWhatNobodyKnows) {
    const std::string texts[] = {
        "version: STSv1\r\nmode: testing\r\nmx: a.example\r\nmax_age: 5\r\n",
        "version:STSv1\nmode:testing\nmx:A.Example.\nmax_age:5",
        "max_age: 5 \nmx: a.example\t\nmode: \t testing\nversion: STSv1\n\n\r\n",
        "version: STSv1\nversion: STSv9\nmode: testing\nmode: enforce\nmx: a.example\n"
        "max_age: 5\nmax_age: 6\nnew_key: sch\xc3\xb6n\n"};
    for (const std::string& text : texts) {
        const auto policy = parse_sts_policy(text);
        ASSERT_TRUE(policy) << text << policy.error().message();
        EXPECT_EQ(policy->mode, StsMode::testing);
        EXPECT_THAT(policy->mx, ElementsAre("a.example"));
        EXPECT_EQ(policy->max_age, std::chrono::seconds(5));
    }
}

TEST(StsPolicyText, ModeNoneNeedsNoMx) {
    const auto policy = parse_sts_policy("version: STSv1\nmode: none\nmax_age: 86400\n");
    ASSERT_TRUE(policy);
    EXPECT_EQ(policy->mode, StsMode::none);
}

TEST(StsPolicyText, NoPolicyLastsLongerThanAYear) {
    const auto policy = parse_sts_policy("version: STSv1\nmode: none\nmax_age: 9999999999\n");
    ASSERT_TRUE(policy);
    EXPECT_EQ(policy->max_age, kMaxStsAge);
}

TEST(StsPolicyText, IsRefusedWithTheReason) {
    const std::pair<std::string, const char*> table[] = {
        {"", "version"},
        {"<!DOCTYPE html>\n<html>", "key: value"},
        {": x\n" + kPolicy, "key: value"},
        {"mode: enforce\nmx: a.example\nmax_age: 5\n", "version"},
        {"version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 5\n", "version"},
        {"Version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 5\n", "version"},
        {"version: STSv1\nmx: a.example\nmax_age: 5\n", "mode"},
        {"version: STSv1\nmode: Enforce\nmx: a.example\nmax_age: 5\n", "mode"},
        {"version: STSv1\nmode: enforce\nmax_age: 5\n", "no mx"},
        {"version: STSv1\nmode: testing\nmax_age: 5\n", "no mx"},
        {"version: STSv1\nmode: enforce\nmx: a.example\n", "max_age"},
        {"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: -5\n", "max_age"},
        {"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1d\n", "max_age"},
        {"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 12345678901\n", "max_age"},
        {"version: STSv1\nmode: enforce\nmx: a b\nmax_age: 5\n", "mx is no host name"},
        {"version: STSv1\nmode: enforce\nmx: *\nmax_age: 5\n", "mx is no host name"},
        {"version: STSv1\nmode: enforce\nmx: *.*.example\nmax_age: 5\n", "mx is no host name"},
        {"version: STSv1\nmode: enforce\nmx: a*.example\nmax_age: 5\n", "mx is no host name"},
        {"version: STSv1\nmode: enforce\nmx: b\xc3\xbc.example\nmax_age: 5\n", "mx is no host"},
        {"version: STSv1\rmode: enforce\rmx: a.example\rmax_age: 5\r", "control"},
        {kPolicy + std::string("x: \0\n", 5), "control"},
        {kPolicy + "x: \xff\n", "UTF-8"},
        {kPolicy + "x: " + std::string(kMaxStsText, 'x'), "64 KiB"}};
    for (const auto& [text, reason] : table) {
        EXPECT_THAT(fault_of(text), HasSubstr(reason)) << text.substr(0, 100);
    }
    std::string many = kPolicy;
    for (std::size_t i = 0; i < kMaxStsPatterns; ++i) {
        many += "mx: a.example\n";
    }
    EXPECT_THAT(fault_of(many), HasSubstr("too many"));
}

TEST(StsPolicyText, NamesHostsAsRfc8461Says) {
    StsPolicy policy;
    policy.mx = {"mail.example.com", "*.example.net"};
    for (const char* host :
         {"mail.example.com", "MAIL.Example.COM", "mx1.example.net", "x.EXAMPLE.net"}) {
        EXPECT_TRUE(is_named(policy, host)) << host;
    }
    for (const char* host :
         {"example.com",
          "a.mail.example.com",
          "example.net",
          "a.b.example.net",
          ".example.net",
          "xexample.net",
          "",
          "example",
          "mail.example.com.evil.test"}) {
        EXPECT_FALSE(is_named(policy, host)) << host;
    }
}

}  // namespace
}  // namespace mxpost::tls
