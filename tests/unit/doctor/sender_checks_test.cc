#include "doctor/sender_checks.h"

#include "doctor_test.h"

namespace mxpost::doctor {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// Mail of user@corp.example from 192.0.2.1.
class SenderChecksTest : public DoctorTest {
protected:
    SenderChecksTest() { resolver.add_mx("corp.example", 10, "mx.corp.example"); }

    Findings check() {
        std::vector<boost::asio::ip::address> addresses = {ip("192.0.2.1")};
        return run(check_sender(context(), "user", "corp.example", std::move(addresses)));
    }
    const Finding& find(const Findings& findings, const std::string& name) {
        for (const Finding& finding : findings) {
            if (finding.check == name) {
                return finding;
            }
        }
        ADD_FAILURE() << "no finding " << name;
        return findings.front();
    }
};

TEST_F(SenderChecksTest, WithoutSpfTheRecordIsSaid) {
    const Findings findings = check();
    EXPECT_THAT(blamed(findings), ElementsAre("spf problem", "dkim warning", "dmarc warning"));
    EXPECT_THAT(
        remedies(findings),
        ElementsAre(
            "corp.example. 3600 IN TXT \"v=spf1 ip4:192.0.2.1 ~all\"",
            "mxpost dkim new corp.example",
            "_dmarc.corp.example. 3600 IN TXT \"v=DMARC1; p=none\""
        )
    );
}

TEST_F(SenderChecksTest, TheRemedyGoesBeforeWhatIsThere) {
    resolver.add_txt("corp.example", "v=spf1 include:_spf.mail.test -all");
    resolver.add_txt("_spf.mail.test", "v=spf1 ip4:198.51.100.1 -all");
    const Finding finding = find(check(), "spf");
    EXPECT_EQ(finding.level, Level::problem);
    EXPECT_THAT(finding.text, HasSubstr("\"fail\": \"-all\" of corp.example"));
    ASSERT_EQ(finding.remedies.size(), 1U);
    EXPECT_EQ(finding.remedies[0].value, "v=spf1 ip4:192.0.2.1 include:_spf.mail.test -all");
    EXPECT_THAT(finding.remedies[0].replaced, ElementsAre("v=spf1 include:_spf.mail.test -all"));
}

TEST_F(SenderChecksTest, SeveralRecordsBecomeOne) {
    resolver.add_txt("corp.example", "v=spf1 mx -all");
    resolver.add_txt("corp.example", "v=spf1 mx a:www.corp.example ~all");
    resolver.add_txt("corp.example", "google-site-verification=x");
    const Finding finding = find(check(), "spf");
    EXPECT_THAT(finding.text, HasSubstr("corp.example has 2 SPF records"));
    EXPECT_EQ(finding.remedies[0].value, "v=spf1 ip4:192.0.2.1 mx a:www.corp.example -all");
    EXPECT_EQ(finding.remedies[0].replaced.size(), 2U);
}

TEST_F(SenderChecksTest, OneRecordHasOneRedirect) {
    resolver.add_txt("corp.example", "v=spf1 mx redirect=one.example");
    resolver.add_txt("corp.example", "v=spf1 redirect=two.example");
    EXPECT_EQ(
        find(check(), "spf").remedies.at(0).value, "v=spf1 ip4:192.0.2.1 mx redirect=one.example"
    );
}

TEST_F(SenderChecksTest, WhatIsNoSpfIsLeftOut) {
    EXPECT_EQ(
        spf_record_with("v=spf1 ipv4:1.2.3.4 mx -all", {ip("2001:db8::1")}),
        "v=spf1 ip6:2001:db8::1 mx -all"
    );
}

TEST_F(SenderChecksTest, GoodSpfSatisfiesDmarc) {
    resolver.add_txt("corp.example", "v=spf1 ip4:192.0.2.0/24 -all");
    resolver.add_txt("_dmarc.corp.example", "v=DMARC1; p=reject");
    EXPECT_THAT(blamed(check()), ElementsAre("dkim warning"));
}

TEST_F(SenderChecksTest, DmarcSaysWhatItCosts) {
    resolver.add_txt("corp.example", "v=spf1 -all");
    resolver.add_txt("_dmarc.corp.example", "v=DMARC1; p=Quarantine; rua=mailto:x@corp.example");
    const Finding finding = find(check(), "dmarc");
    EXPECT_EQ(finding.level, Level::warning);
    EXPECT_THAT(finding.text, HasSubstr("asks receivers to quarantine"));
}

TEST_F(SenderChecksTest, ADmarcRecordThatCanNotBeAskedForIsNotReplaced) {
    resolver.fail_txt("_dmarc.corp.example", "SERVFAIL");
    const Finding finding = find(check(), "dmarc");
    EXPECT_EQ(finding.level, Level::warning);
    EXPECT_THAT(finding.text, HasSubstr("_dmarc.corp.example has no answer"));
    EXPECT_TRUE(finding.remedies.empty());
}

// RFC 7489 6.6.3.
TEST_F(SenderChecksTest, TwoDmarcRecordsAreNone) {
    resolver.add_txt("_dmarc.corp.example", "v=DMARC1; p=reject");
    resolver.add_txt("_dmarc.corp.example", "v=DMARC1; p=none");
    EXPECT_THAT(find(check(), "dmarc").text, HasSubstr("there is no DMARC record"));
}

TEST_F(SenderChecksTest, BouncesMustBeAbleToComeBack) {
    EXPECT_THAT(blamed(check()), Not(Contains("bounces problem")));
    std::vector<boost::asio::ip::address> addresses;
    EXPECT_THAT(
        blamed(run(check_sender(context(), "user", "nowhere.example", std::move(addresses)))),
        Contains("bounces problem")
    );
    resolver.add_mx("null.example", 0, "");
    std::vector<boost::asio::ip::address> none;
    EXPECT_THAT(
        blamed(run(check_sender(context(), "user", "null.example", std::move(none)))),
        Contains("bounces problem")
    );
}

TEST(Dmarc, Records) {
    EXPECT_FALSE(parse_dmarc("v=spf1 -all"));
    EXPECT_FALSE(parse_dmarc("p=none; v=DMARC1"));
    EXPECT_FALSE(parse_dmarc(""));
    const auto policy = parse_dmarc("v=DMARC1 ; p=reject; sp=none; adkim=s; aspf = s; x");
    ASSERT_TRUE(policy);
    EXPECT_EQ(policy->policy, "reject");
    EXPECT_EQ(policy->subdomain_policy, "none");
    EXPECT_TRUE(policy->is_dkim_strict);
    EXPECT_EQ(parse_dmarc("v=DMARC1; p=reject")->subdomain_policy, "reject");
}

TEST(OrganizationalDomain, IsBelowAPublicSuffix) {
    EXPECT_EQ(organizational_domain("a.mail.example.com"), "example.com");
    EXPECT_EQ(organizational_domain("mail.example.co.uk"), "example.co.uk");
    EXPECT_EQ(organizational_domain("co.uk"), "co.uk");
}

TEST_F(SenderChecksTest, HintsAtWhatProtectsMailToTheDomain) {
    EXPECT_THAT(find(check(), "incoming-tls").text, HasSubstr("a hint: an MTA-STS policy"));
    resolver.add_txt("_mta-sts.corp.example", "v=STSv1; id=1;");
    const Finding finding = find(check(), "incoming-tls");
    EXPECT_EQ(finding.level, Level::ok);
    ASSERT_EQ(finding.remedies.size(), 1U);
    EXPECT_EQ(
        finding.remedies[0].text(),
        "_smtp._tls.corp.example. 3600 IN TXT \"v=TLSRPTv1; rua=mailto:postmaster@corp.example\""
    );
    resolver.add_txt("_smtp._tls.corp.example", "v=TLSRPTv1; rua=mailto:tls@corp.example");
    EXPECT_THAT(find(check(), "incoming-tls").text, HasSubstr("TLS reports are asked for"));
}

}  // namespace
}  // namespace mxpost::doctor
