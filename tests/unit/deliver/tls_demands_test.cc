#include "deliver/tls_demands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deliver_test.h"
#include "support/fake_https.h"

namespace mxpost::deliver {
namespace {

namespace asio = boost::asio;
using testing::HasSubstr;
using tls::Failure;
using tls::StsMode;
using tls::TlsUse;

NextHop hop_to(const std::vector<std::string>& hosts) {
    NextHop hop;
    for (const std::string& host : hosts) {
        hop.peers.emplace_back(host, asio::ip::make_address("192.0.2.1"));
    }
    return hop;
}

tls::StsVerdict verdict(StsMode mode, const std::vector<std::string>& mx) {
    auto policy = std::make_shared<tls::StsPolicy>();
    policy->mode = mode;
    policy->mx = mx;
    tls::StsVerdict verdict;
    verdict.policy = std::move(policy);
    verdict.id = "1";
    return verdict;
}

/// "mx.example:verify:validation-failure", of each peer.
std::vector<std::string> demands(const NextHop& hop) {
    std::vector<std::string> result;
    for (const smtp::Peer& peer : hop.peers) {
        std::string text = peer.host + ":";
        text += !peer.demand ? "-" : peer.demand->use == TlsUse::verify ? "verify" : "other";
        text += ":" + (peer.policy ? std::string(tls::result_type(peer.policy->failure)) : "-");
        result.push_back(text);
    }
    return result;
}

using Texts = std::vector<std::string>;

TEST(DemandSts, WithoutAPolicyNothingChanges) {
    NextHop hop = hop_to({"a.example"});
    EXPECT_FALSE(demand_sts(hop, "example.com", tls::StsVerdict()));
    EXPECT_EQ(demands(hop), (Texts{"a.example:-:-"}));
}

TEST(DemandSts, EnforceTakesOutWhatThePolicyDoesntName) {
    NextHop hop = hop_to({"a.example", "evil.test", "b.c.example"});
    EXPECT_FALSE(demand_sts(hop, "example.com", verdict(StsMode::enforce, {"*.example"})));
    EXPECT_EQ(demands(hop), (Texts{"a.example:verify:"}));
    ASSERT_TRUE(hop.left_out);
    EXPECT_EQ(hop.left_out->kind, mail::OutcomeKind::deferred);
    EXPECT_THAT(hop.left_out->text, HasSubstr("policy of example.com doesn't name evil.test"));
    EXPECT_EQ(hop.peers[0].demand->names, Texts{"a.example"});
    EXPECT_EQ(hop.peers[0].demand->source, "the MTA-STS policy of example.com");
    EXPECT_EQ(hop.peers[0].policy->domain, "example.com");
    EXPECT_EQ(hop.peers[0].policy->mx, Texts{"*.example"});
    EXPECT_TRUE(hop.is_authentic);
    EXPECT_EQ(hop.site, " mta-sts=example.com");
}

TEST(DemandSts, MailWaitsWhereNoHostIsNamed) {
    NextHop hop = hop_to({"evil.test", "evil.test", "worse.test"});
    const auto refusal = demand_sts(hop, "example.com", verdict(StsMode::enforce, {"a.example"}));
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->kind, mail::OutcomeKind::deferred);
    EXPECT_EQ(refusal->status.text(), "4.7.5");
    EXPECT_THAT(refusal->text, HasSubstr("policy of example.com names none of its mail servers"));
    EXPECT_THAT(refusal->text, HasSubstr("evil.test"));
}

TEST(DemandSts, TestingIsForReportsOnly) {
    NextHop hop = hop_to({"a.example", "evil.test"});
    EXPECT_FALSE(demand_sts(hop, "example.com", verdict(StsMode::testing, {"a.example"})));
    EXPECT_EQ(demands(hop), (Texts{"a.example:-:", "evil.test:-:validation-failure"}));
    EXPECT_FALSE(hop.left_out);
    EXPECT_EQ(hop.site, "");
    EXPECT_FALSE(hop.is_authentic);
    EXPECT_THAT(hop.peers[1].policy->problem, HasSubstr("doesn't name evil.test"));
}

// RFC 8461 2
TEST(DemandSts, DaneComesFirst) {
    NextHop hop = hop_to({"dane.test", "evil.test"});
    hop.peers[0].demand = std::make_shared<tls::Demand>(TlsUse::dane);
    EXPECT_FALSE(demand_sts(hop, "example.com", verdict(StsMode::enforce, {"a.example"})));
    EXPECT_EQ(demands(hop), (Texts{"dane.test:other:-"}));
}

// RFC 7672 2.2: such records ask for TLS, whoever it is; that is less than the policy asks for.
TEST(DemandSts, TlsaRecordsThatCantBeUsedLeaveTheSayToThePolicy) {
    NextHop hop = hop_to({"a.example", "evil.test"});
    const auto encrypt = std::make_shared<tls::Demand>(TlsUse::encrypt);
    hop.peers[0].demand = encrypt;
    hop.peers[1].demand = encrypt;
    EXPECT_FALSE(demand_sts(hop, "example.com", verdict(StsMode::enforce, {"a.example"})));
    EXPECT_EQ(demands(hop), (Texts{"a.example:verify:"}));
}

TEST(DemandSts, TlsPolicyComesFirst) {
    NextHop hop = hop_to({"a.example"});
    const auto configured = std::make_shared<tls::Demand>(TlsUse::encrypt);
    configured->is_configured = true;
    hop.peers[0].demand = configured;
    EXPECT_FALSE(demand_sts(hop, "example.com", verdict(StsMode::enforce, {"evil.test"})));
    EXPECT_EQ(demands(hop), (Texts{"a.example:other:-"}));
}

TEST(DemandSts, APolicyThatCantBeHadIsReported) {
    tls::StsVerdict failed;
    failed.failure = Failure::sts_policy_fetch_error;
    failed.problem = "why";
    NextHop hop = hop_to({"a.example"});
    EXPECT_FALSE(demand_sts(hop, "example.com", failed));
    EXPECT_EQ(demands(hop), (Texts{"a.example:-:sts-policy-fetch-error"}));
    // An older one is in force meanwhile.
    tls::StsVerdict kept = verdict(StsMode::enforce, {"a.example"});
    kept.failure = Failure::sts_policy_invalid;
    hop = hop_to({"a.example"});
    EXPECT_FALSE(demand_sts(hop, "example.com", kept));
    EXPECT_EQ(demands(hop), (Texts{"a.example:verify:sts-policy-invalid"}));
    EXPECT_EQ(hop.site, " mta-sts");
}

class StsRoutesTest : public testing::Test {
protected:
    StsRoutesTest()
        : life_(queue_),
          state_(life_.files, life_.log),
          cache_(life_.io.get_executor(), life_.resolver, https_, state_, life_.clock, life_.log) {
        life_.routes.use_sts(cache_);
        life_.resolver.add_mx("example.com", 10, "mx.example.com");
        life_.resolver.add_address("mx.example.com", "192.0.2.1");
        life_.resolver.add_address("mta-sts.example.com", "192.0.2.2");
    }
    NextHopResult find(const std::string& domain) {
        std::optional<NextHopResult> found;
        asio::co_spawn(
            life_.io,
            life_.routes.find(domain),
            [&](std::exception_ptr failure, NextHopResult result) {
                EXPECT_FALSE(failure);
                found = std::move(result);
            }
        );
        life_.io.restart();
        life_.io.run();
        return found.value();
    }

    Queue queue_;
    Life life_;
    test::FakeHttps https_;
    StateDirectory state_;
    tls::StsCache cache_;
};

TEST_F(StsRoutesTest, APolicyComesWithTheRoute) {
    life_.resolver.add_txt("_mta-sts.example.com", "v=STSv1; id=1");
    https_.reply(
        "mta-sts.example.com",
        200,
        "version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 86400\n"
    );
    for (const char* domain : {"Example.COM", "example.com"}) {
        const NextHopResult found = find(domain);
        EXPECT_EQ(demands(std::get<NextHop>(found)), (Texts{"mx.example.com:verify:"}));
    }
    EXPECT_EQ(https_.count(), 1U);
}

TEST_F(StsRoutesTest, WithoutARecordItCostsOneQuestionMore) {
    const NextHopResult found = find("example.com");
    EXPECT_EQ(demands(std::get<NextHop>(found)), (Texts{"mx.example.com:-:-"}));
    EXPECT_EQ(std::ranges::count(life_.resolver.questions(), "TXT _mta-sts.example.com"), 1);
    EXPECT_EQ(https_.count(), 0U);
}

TEST_F(StsRoutesTest, ALiteralHasNoPolicy) {
    const NextHopResult found = find("[192.0.2.9]");
    EXPECT_EQ(std::get<NextHop>(found).peers.size(), 1U);
    EXPECT_THAT(life_.resolver.questions(), testing::IsEmpty());
}

}  // namespace
}  // namespace mxpost::deliver
