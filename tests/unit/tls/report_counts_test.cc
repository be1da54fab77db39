#include "tls/report_counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/manual_clock.h"
#include "support/temporary_directory.h"
#include "tls/report_json.h"

namespace mxpost::tls {
namespace {

using std::chrono::hours;
using testing::HasSubstr;
using testing::Not;

std::shared_ptr<const AppliedPolicy> sts_policy(Failure failure = Failure::none) {
    auto policy = std::make_shared<AppliedPolicy>();
    policy->type = PolicyType::sts;
    policy->domain = "example.com";
    policy->lines = {"version: STSv1", "mode: testing", "mx: *.example.com", "max_age: 86400"};
    policy->mx = {"*.example.com"};
    policy->failure = failure;
    policy->problem = failure == Failure::none ? "" : "the policy's own trouble";
    return policy;
}

TlsAttempt attempt(
    const std::string& domain,
    Failure failure = Failure::none,
    std::shared_ptr<const AppliedPolicy> policy = nullptr
) {
    TlsAttempt attempt;
    attempt.domain = domain;
    attempt.policy = std::move(policy);
    attempt.mx_host = "mx." + domain;
    attempt.mx_helo = "mail";
    attempt.sending_ip = "192.0.2.1";
    attempt.receiving_ip = "198.51.100.1";
    attempt.failure = failure;
    attempt.reason = failure == Failure::none ? "" : "what OpenSSL said";
    return attempt;
}

class ReportCountsTest : public testing::Test {
protected:
    ReportCountsTest()
        : state_(StateDirectory::at(files_, log_, directory_.path())),
          counts_(std::make_unique<ReportCounts>(state_, clock_)) {}
    ~ReportCountsTest() override { counts_.reset(); }

    void restart() {
        counts_.reset();
        counts_ = std::make_unique<ReportCounts>(state_, clock_);
    }
    std::chrono::sys_days today() const {
        return std::chrono::floor<std::chrono::days>(clock_.now());
    }

    test::TemporaryDirectory directory_;
    PosixFileSystem files_;
    NullLog log_;
    StateDirectory state_;
    test::ManualClock clock_;
    std::unique_ptr<ReportCounts> counts_;
};

TEST_F(ReportCountsTest, CountsByDayDomainPolicyAndFailure) {
    for (int i = 0; i < 3; ++i) {
        counts_->note(attempt("example.com", Failure::none, sts_policy()));
    }
    for (int i = 0; i < 2; ++i) {
        counts_->note(attempt("example.com", Failure::certificate_expired, sts_policy()));
    }
    counts_->note(attempt("example.com", Failure::none, sts_policy(Failure::sts_policy_invalid)));
    counts_->note(attempt("example.org"));
    EXPECT_EQ(counts_->before(today()).size(), 0U);
    restart();
    clock_.advance(hours(24));
    counts_->note(attempt("example.com"));
    const auto sessions = counts_->before(today());
    ASSERT_EQ(sessions.size(), 2U);
    EXPECT_EQ(sessions[0].domain, "example.com");
    EXPECT_EQ(sessions[1].domain, "example.org");
    ASSERT_EQ(sessions[0].policies.size(), 1U);
    const PolicySessions& policy = sessions[0].policies[0];
    EXPECT_EQ(policy.policy, *sts_policy());
    EXPECT_EQ(policy.successful, 3U);
    EXPECT_EQ(policy.failed, 3U);
    ASSERT_EQ(policy.failures.size(), 2U);
    EXPECT_EQ(policy.failures[0].count, 2U);
    EXPECT_EQ(policy.failures[0].attempt.failure, Failure::certificate_expired);
    EXPECT_EQ(policy.failures[0].attempt.reason, "what OpenSSL said");
    EXPECT_EQ(policy.failures[0].attempt.mx_host, "mx.example.com");
    EXPECT_EQ(policy.failures[1].attempt.failure, Failure::sts_policy_invalid);
    EXPECT_EQ(policy.failures[1].attempt.reason, "the policy's own trouble");
    counts_->remove(sessions[0]);
    restart();
    ASSERT_EQ(counts_->before(today()).size(), 1U);
    EXPECT_EQ(counts_->before(today() + std::chrono::days(1)).size(), 2U);
}

TEST_F(ReportCountsTest, AreBounded) {
    for (std::size_t i = 0; i < kMaxReportedDomains + 10; ++i) {
        counts_->note(attempt("d" + std::to_string(i) + ".example"));
    }
    for (std::size_t i = 0; i < kMaxReportedFailures + 10; ++i) {
        TlsAttempt one = attempt("d1.example", Failure::validation_failure);
        one.reason = std::to_string(i);
        counts_->note(one);
    }
    for (std::size_t i = 0; i < kMaxReportedPolicies + 10; ++i) {
        auto policy = std::make_shared<AppliedPolicy>();
        policy->lines = {std::to_string(i)};
        counts_->note(attempt("d2.example", Failure::none, policy));
    }
    restart();
    const auto sessions = counts_->before(today() + std::chrono::days(1));
    EXPECT_EQ(sessions.size(), kMaxReportedDomains);
    for (const DomainSessions& one : sessions) {
        if (one.domain == "d1.example") {
            EXPECT_EQ(one.policies[0].failures.size(), kMaxReportedFailures);
            EXPECT_EQ(one.policies[0].failed, kMaxReportedFailures + 10);
        }
        EXPECT_LE(one.policies.size(), kMaxReportedPolicies);
    }
}

TEST_F(ReportCountsTest, WhatServersSayCantForgeLines) {
    TlsAttempt one = attempt("example.com", Failure::validation_failure);
    one.reason = "a\tb\nfailure\tx";
    one.mx_helo = std::string("\x1b[2J\xff", 5) + std::string(5000, 'x');
    counts_->note(one);
    restart();
    const auto sessions = counts_->before(today() + std::chrono::days(1));
    ASSERT_EQ(sessions.size(), 1U);
    ASSERT_EQ(sessions[0].policies[0].failures.size(), 1U);
    const TlsAttempt& read = sessions[0].policies[0].failures[0].attempt;
    EXPECT_EQ(read.reason, "a?b?failure?x");
    EXPECT_LT(read.mx_helo.size(), 510U);
}

TEST_F(ReportCountsTest, AFileThatIsTornLosesItsEnd) {
    counts_->note(attempt("example.com", Failure::certificate_expired, sts_policy()));
    counts_->note(attempt("example.org"));
    const std::string text = encode_sessions(counts_->before(today() + std::chrono::days(1)));
    EXPECT_EQ(encode_sessions(decode_sessions(text)), text);
    for (std::size_t cut = 0; cut < text.size(); ++cut) {
        EXPECT_LE(decode_sessions(text.substr(0, cut)).size(), 2U);
    }
    EXPECT_EQ(decode_sessions("something else\n").size(), 0U);
}

TEST(ReportJson, IsRfc8460s) {
    DomainSessions sessions;
    sessions.day = std::chrono::sys_days(std::chrono::days(16892));  // 2016-04-01
    sessions.domain = "company-y.example";
    PolicySessions& policy = sessions.policies.emplace_back();
    policy.policy = *sts_policy();
    policy.successful = 5326;
    policy.failed = 303;
    FailedSessions& failed = policy.failures.emplace_back();
    failed.attempt = attempt("company-y.example", Failure::certificate_expired);
    failed.attempt.reason = "a \"quoted\" \\ \xff\x01 thing";
    failed.count = 100;
    ReportSender sender;
    sender.organization = "Company-X";
    sender.contact = "sts-reporting@company-x.example";
    EXPECT_EQ(
        report_json(sessions, sender, "5065427c-23d3"),
        "{\"organization-name\":\"Company-X\",\"date-range\":{"
        "\"start-datetime\":\"2016-04-01T00:00:00Z\",\"end-datetime\":\"2016-04-01T23:59:59Z\"},"
        "\"contact-info\":\"sts-reporting@company-x.example\",\"report-id\":\"5065427c-23d3\","
        "\"policies\":[{\"policy\":{\"policy-type\":\"sts\",\"policy-string\":[\"version: STSv1\","
        "\"mode: testing\",\"mx: *.example.com\",\"max_age: 86400\"],"
        "\"policy-domain\":\"example.com\",\"mx-host\":[\"*.example.com\"]},"
        "\"summary\":{\"total-successful-session-count\":5326,"
        "\"total-failure-session-count\":303},\"failure-details\":[{"
        "\"result-type\":\"certificate-expired\",\"sending-mta-ip\":\"192.0.2.1\","
        "\"receiving-mx-hostname\":\"mx.company-y.example\",\"receiving-mx-helo\":\"mail\","
        "\"receiving-ip\":\"198.51.100.1\","
        "\"failure-reason-code\":\"a \\\"quoted\\\" \\\\ ?? thing\","
        "\"failed-session-count\":100}]}]}\n"
    );
    EXPECT_EQ(
        report_file_name(sessions, "corp.example", "ID"),
        "corp.example!company-y.example!1459468800!1459555199!ID.json.gz"
    );
}

TEST(ReportJson, NoPolicyHasNoString) {
    DomainSessions sessions;
    sessions.domain = "example.com";
    sessions.policies.emplace_back().policy.domain = "example.com";
    const std::string json = report_json(sessions, ReportSender(), "1");
    EXPECT_THAT(json, HasSubstr("\"policy-type\":\"no-policy-found\",\"policy-domain\""));
    EXPECT_THAT(json, Not(HasSubstr("failure-details")));
}

TEST(ReportJson, IsSmallerZipped) {
    const std::string text(100'000, 'x');
    const std::string zipped = gzipped(text);
    EXPECT_EQ(zipped.substr(0, 2), "\x1f\x8b");
    EXPECT_LT(zipped.size(), 1000U);
    EXPECT_NE(gzipped(""), "");
}

}  // namespace
}  // namespace mxpost::tls
