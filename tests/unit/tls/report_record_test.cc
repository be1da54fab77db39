#include "tls/report_record.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mxpost::tls {
namespace {

using testing::ElementsAre;

/// "mail ADDRESS" or "host port path".
std::vector<std::string> destinations(const std::vector<std::string>& texts) {
    std::vector<dns::TxtRecord> records;
    for (const std::string& text : texts) {
        records.emplace_back(text);
    }
    std::vector<std::string> result;
    for (const ReportDestination& one : report_destinations(records)) {
        result.push_back(
            !one.mailbox.empty() ? "mail " + one.mailbox
                                 : one.host + " " + std::to_string(one.port) + " " + one.path
        );
    }
    return result;
}

TEST(ReportRecord, NamesMailAndHttps) {
    EXPECT_THAT(
        destinations({"v=TLSRPTv1;rua=mailto:reports@example.com"}),
        ElementsAre("mail reports@example.com")
    );
    EXPECT_THAT(
        destinations({"v=TLSRPTv1; rua=https://Reporting.Example.com/v1/tlsrpt?x=y#z;"}),
        ElementsAre("reporting.example.com 443 /v1/tlsrpt?x=y")
    );
    EXPECT_THAT(
        destinations({"v=TLSRPTv1 ; rua=mailto:a%2Bb%40x@example.com?subject=z , "
                      "https://example.com:8443, HTTPS://example.com?q , ftp://example.com/; x=y"}),
        ElementsAre("mail a+b@x@example.com", "example.com 8443 /", "example.com 443 /?q")
    );
}

TEST(ReportRecord, OneRecordCounts) {
    EXPECT_THAT(
        destinations({"v=spf1 -all", "v=TLSRPTv1; rua=mailto:a@example.com", "v=TLSRPTv2; rua=x"}),
        ElementsAre("mail a@example.com")
    );
    const std::vector<std::vector<std::string>> none = {
        {},
        {"v=TLSRPTv1; rua=mailto:a@example.com", "v=TLSRPTv1; rua=mailto:b@example.com"},
        {"v=TLSRPTv1"},
        {"v=TLSRPTv1;"},
        {"v=TLSRPTv1; ruf=mailto:a@example.com"},
        {"rua=mailto:a@example.com"}};
    for (const auto& texts : none) {
        EXPECT_THAT(destinations(texts), ElementsAre()) << (texts.empty() ? "" : texts.front());
    }
}

TEST(ReportRecord, WhatIsNoPlaceIsLeftOut) {
    for (const char* uri :
         {"mailto:",
          "mailto:nobody",
          "mailto:a%0d%0a@example.com",
          "mailto:a%2@example.com",
          "mailto:a%zz@example.com",
          "mailto:a%20b@example.com",
          "https://",
          "https:///path",
          "https://user@example.com/",
          "https://example.com:0/",
          "https://example.com:65536/",
          "https://example.com:x/",
          "https://[::1]/",
          "http://example.com/",
          "example.com"}) {
        EXPECT_THAT(
            destinations({std::string("v=TLSRPTv1; rua=") + uri + ",mailto:a@example.com"}),
            ElementsAre("mail a@example.com")
        ) << uri;
    }
}

TEST(ReportRecord, ManyPlacesAreNotServed) {
    std::string text = "v=TLSRPTv1; rua=mailto:a@example.com,mailto:a@example.com";
    for (int i = 0; i < 20; ++i) {
        text += ",mailto:r" + std::to_string(i) + "@example.com";
    }
    EXPECT_EQ(destinations({text}).size(), kMaxReportDestinations);
}

}  // namespace
}  // namespace mxpost::tls
