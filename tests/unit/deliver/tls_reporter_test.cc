#include "deliver/tls_reporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deliver_test.h"
#include "support/fake_https.h"

namespace mxpost::deliver {
namespace {

namespace asio = boost::asio;
using std::chrono::hours;
using testing::HasSubstr;
using testing::IsEmpty;

class TlsReporterTest : public testing::Test {
protected:
    TlsReporterTest()
        : life_(queue_),
          state_(life_.files, life_.log),
          counts_(state_, life_.clock),
          reporter_(life_.services, life_, counts_, https_) {
        life_.settings.tls_report_contact = "tls@corp.example";
        note("example.com");
    }
    void note(const std::string& domain) {
        tls::TlsAttempt attempt;
        attempt.domain = domain;
        attempt.failure = tls::Failure::certificate_expired;
        attempt.mx_host = "mx.example.com";
        counts_.note(attempt);
    }
    void run() {
        bool is_done = false;
        asio::co_spawn(life_.io, reporter_.report_due(), [&](const std::exception_ptr& failure) {
            EXPECT_FALSE(failure);
            is_done = true;
        });
        life_.io.restart();
        life_.io.run();
        EXPECT_TRUE(is_done);
    }
    std::size_t left() {
        return counts_.before(std::chrono::sys_days(std::chrono::days(100000))).size();
    }

    Queue queue_;
    Life life_;
    StateDirectory state_;
    test::FakeHttps https_;
    tls::ReportCounts counts_;
    TlsReporter reporter_;
};

TEST_F(TlsReporterTest, ADayIsReportedByMailHoursAfterItsEnd) {
    life_.resolver.add_txt("_smtp._tls.example.com", "v=TLSRPTv1; rua=mailto:r@example.com");
    run();
    EXPECT_THAT(queue_.reports(), IsEmpty());
    life_.clock.advance(hours(12 + 4));
    run();
    ASSERT_EQ(queue_.names().size(), 1U);
    const auto message = queue_.read(queue_.names().front());
    EXPECT_FALSE(message.envelope().sender);
    ASSERT_EQ(message.envelope().recipients.size(), 1U);
    EXPECT_EQ(message.envelope().recipients[0].address.text(), "r@example.com");
    EXPECT_EQ(
        message.envelope().recipients[0].notify, static_cast<mail::NotifySet>(mail::Notify::never)
    );
    const std::string text = queue_.reports().front();
    for (const char* part :
         {"From: <tls@corp.example>\r\n",
          "To: <r@example.com>\r\n",
          "TLS-Report-Domain: example.com\r\n",
          "TLS-Report-Submitter: corp.example\r\n",
          "TLS-Required: No\r\n",
          "report-type=\"tlsrpt\"",
          "application/tlsrpt+gzip\r\n",
          "corp.example!example.com!1704067200!1704153599!"}) {
        EXPECT_THAT(text, HasSubstr(part));
    }
    EXPECT_EQ(left(), 0U);
    run();
    EXPECT_EQ(queue_.names().size(), 1U);
}

TEST_F(TlsReporterTest, OrByHttps) {
    life_.resolver.add_txt("_smtp._tls.example.com", "v=TLSRPTv1; rua=https://r.example/x");
    life_.resolver.add_address("r.example", "192.0.2.3");
    life_.clock.advance(hours(16));
    https_.reply("r.example", 503, "later");
    run();
    EXPECT_EQ(left(), 1U);
    https_.reply("r.example", 201, "");
    run();
    EXPECT_EQ(left(), 0U);
    ASSERT_EQ(https_.count(), 2U);
    const tls::HttpsRequest& request = https_.requests().back();
    EXPECT_EQ(request.path, "/x");
    EXPECT_EQ(request.content_type, "application/tlsrpt+gzip");
    EXPECT_EQ(request.content.substr(0, 2), "\x1f\x8b");
    EXPECT_THAT(queue_.names(), IsEmpty());
}

TEST_F(TlsReporterTest, WhoDoesntAskGetsNone) {
    note("example.org");
    life_.clock.advance(hours(16));
    run();
    EXPECT_THAT(queue_.names(), IsEmpty());
    EXPECT_EQ(left(), 0U);
}

TEST_F(TlsReporterTest, WhatCantBeSentIsForgottenAfterTwoDays) {
    life_.resolver.fail_txt("_smtp._tls.example.com", "SERVFAIL");
    life_.clock.advance(hours(16));
    run();
    EXPECT_EQ(left(), 1U);
    life_.clock.advance(hours(48));
    run();
    EXPECT_EQ(left(), 0U);
}

}  // namespace
}  // namespace mxpost::deliver
