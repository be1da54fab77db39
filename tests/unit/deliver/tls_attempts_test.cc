#include "deliver/tls_attempts.h"

#include <gtest/gtest.h>

namespace mxpost::deliver {
namespace {

using tls::Failure;
using tls::TlsUse;

class TlsAttemptTest : public testing::Test {
protected:
    TlsAttemptTest() : peer_("mx.example", boost::asio::ip::make_address("192.0.2.1")) {
        hop_.domain = "example.com";
        result_.local_address = "192.0.2.9";
    }
    void shake_hands(Failure failure) {
        result_.tls.emplace();
        result_.tls->failure = failure;
        result_.tls->problem = failure == Failure::none ? "" : "self-signed certificate";
    }
    void set_policy() {
        auto policy = std::make_shared<tls::AppliedPolicy>();
        policy->type = tls::PolicyType::sts;
        peer_.policy = std::move(policy);
    }
    void fail(mail::Step step) {
        result_.trouble.emplace(mail::OutcomeKind::deferred, mail::EnhancedStatus{4, 7, 4}, "why");
        result_.trouble->step = step;
    }
    /// "no-policy-found success", "sts certificate-not-trusted", "-".
    std::string told() const {
        const auto attempt = tls_attempt(hop_, peer_, result_);
        if (!attempt) {
            return "-";
        }
        EXPECT_EQ(attempt->domain, "example.com");
        EXPECT_EQ(attempt->mx_host, "mx.example");
        EXPECT_EQ(attempt->receiving_ip, "192.0.2.1");
        EXPECT_EQ(attempt->sending_ip, "192.0.2.9");
        const auto type = attempt->policy ? attempt->policy->type : tls::PolicyType::none;
        return std::string(tls::text_of(type)) + " " +
               (attempt->failure == Failure::none ? "success"
                                                  : std::string(result_type(attempt->failure)));
    }

    NextHop hop_;
    smtp::Peer peer_;
    OpeningResult result_;
};

TEST_F(TlsAttemptTest, WithoutAPolicyAnyTlsIsASuccess) {
    shake_hands(Failure::certificate_not_trusted);
    EXPECT_EQ(told(), "no-policy-found success");
    result_.tls.reset();
    EXPECT_EQ(told(), "no-policy-found starttls-not-supported");
    result_.tls_failure = "wrong version number";
    EXPECT_EQ(told(), "no-policy-found validation-failure");
    result_.tls_failure.clear();
    peer_.is_tls_broken = true;
    EXPECT_EQ(told(), "no-policy-found validation-failure");
}

TEST_F(TlsAttemptTest, WithAPolicyTheCertificateCounts) {
    set_policy();
    shake_hands(Failure::certificate_not_trusted);
    EXPECT_EQ(told(), "sts certificate-not-trusted");
    shake_hands(Failure::none);
    EXPECT_EQ(told(), "sts success");
    fail(mail::Step::mail);  // afterwards
    EXPECT_EQ(told(), "sts success");
    result_.tls.reset();
    fail(mail::Step::start_tls);
    EXPECT_EQ(told(), "sts starttls-not-supported");
}

TEST_F(TlsAttemptTest, TlsaRecordsAreThePolicy) {
    auto demand = std::make_shared<tls::Demand>(TlsUse::dane);
    dns::TlsaRecord record;
    record.usage = 3;
    record.selector = 1;
    record.matching_type = 1;
    record.data = std::string("\x0b\xff\x00", 3);
    demand->tlsa = {record};
    peer_.demand = demand;
    shake_hands(Failure::validation_failure);
    EXPECT_EQ(told(), "tlsa validation-failure");
    EXPECT_EQ(
        tls_attempt(hop_, peer_, result_)->policy->lines, std::vector<std::string>{"3 1 1 0bff00"}
    );
}

TEST_F(TlsAttemptTest, RecordsThatAreOfNoUseAreReported) {
    tls::DaneVerdict verdict;
    EXPECT_EQ(unusable_policy("example.com", verdict), nullptr);
    auto demand = std::make_shared<tls::Demand>(TlsUse::encrypt);
    demand->source = "the TLSA records of mx.example, none of which can be used";
    verdict.demand = demand;
    EXPECT_EQ(unusable_policy("example.com", verdict), nullptr);
    verdict.failure = Failure::tlsa_invalid;
    peer_.demand = demand;
    peer_.policy = unusable_policy("example.com", verdict);
    ASSERT_NE(peer_.policy, nullptr);
    EXPECT_EQ(peer_.policy->failure, Failure::tlsa_invalid);
    EXPECT_EQ(peer_.policy->problem, demand->source);
    shake_hands(Failure::none);
    EXPECT_EQ(told(), "tlsa success") << "the policy's own failure comes first, see ReportCounts";
}

TEST_F(TlsAttemptTest, OtherTroubleSaysNothingOfTls) {
    for (const mail::Step step : {mail::Step::connect, mail::Step::greeting, mail::Step::hello}) {
        fail(step);
        EXPECT_EQ(told(), "-");
    }
    result_.trouble.reset();
    hop_.session.tls = TlsUse::none;
    EXPECT_EQ(told(), "-");
    hop_.session.tls = TlsUse::may;
    hop_.domain.clear();  // a relay's
    EXPECT_EQ(told(), "-");
}

}  // namespace
}  // namespace mxpost::deliver
