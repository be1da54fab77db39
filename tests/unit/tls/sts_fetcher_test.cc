#include "tls/sts_fetcher.h"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_https.h"
#include "support/fake_resolver.h"

namespace mxpost::tls {
namespace {

namespace asio = boost::asio;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kHost = "mta-sts.example.com";
const std::string kPolicy = "version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 86400\n";

class StsFetcherTest : public testing::Test {
protected:
    StsFetched fetch(const std::string& domain = "example.com") {
        asio::io_context context;
        StsFetcher fetcher(resolver_, https_);
        std::optional<StsFetched> fetched;
        asio::co_spawn(
            context,
            fetcher.fetch(domain),
            [&](std::exception_ptr failure, StsFetched result) {
                EXPECT_FALSE(failure);
                fetched = std::move(result);
            }
        );
        context.run();
        return fetched.value();
    }

    test::FakeResolver resolver_;
    test::FakeHttps https_;
};

TEST_F(StsFetcherTest, AsksTheOneHostForTheOnePath) {
    resolver_.add_address(kHost, "192.0.2.1");
    resolver_.add_address(kHost, "2001:db8::1");
    https_.reply(kHost, 200, kPolicy, "text/plain; charset=utf-8");
    const StsFetched fetched = fetch();
    ASSERT_TRUE(fetched.policy) << fetched.problem;
    EXPECT_EQ(fetched.policy->mode, StsMode::enforce);
    EXPECT_EQ(fetched.failure, Failure::none);
    ASSERT_EQ(https_.count(), 1U);
    const HttpsRequest& request = https_.requests().front();
    EXPECT_EQ(request.host, kHost);
    EXPECT_EQ(request.port, 443);
    EXPECT_EQ(request.path, "/.well-known/mta-sts.txt");
    EXPECT_EQ(request.content_type, "");
    EXPECT_EQ(request.max_reply, 65536U);
    EXPECT_LE(request.time_limit, std::chrono::seconds(10));
    EXPECT_THAT(
        request.addresses,
        ElementsAre(asio::ip::make_address("192.0.2.1"), asio::ip::make_address("2001:db8::1"))
    );
}

TEST_F(StsFetcherTest, EachReplyHasItsTerm) {
    struct Row {
        long status;
        const char* content_type;
        std::string content;
        Failure failure;
        const char* problem;
    };
    const Row table[] = {
        {200, "TEXT/PLAIN", kPolicy, Failure::none, ""},
        {200, "text/html", kPolicy, Failure::sts_policy_fetch_error, "text/html"},
        {200, "text/plainly", kPolicy, Failure::sts_policy_fetch_error, "text/plainly"},
        {200, "", kPolicy, Failure::sts_policy_fetch_error, "isn't text/plain"},
        {204, "text/plain", "", Failure::sts_policy_fetch_error, "204"},
        {301, "text/plain", kPolicy, Failure::sts_policy_fetch_error, "301"},
        {404, "text/plain", kPolicy, Failure::sts_policy_fetch_error, "404"},
        {500, "text/plain", kPolicy, Failure::sts_policy_fetch_error, "500"},
        {200, "text/plain", "", Failure::sts_policy_invalid, "version"},
        {200, "text/plain", "mode: enforce\n", Failure::sts_policy_invalid, "version"}};
    resolver_.add_address(kHost, "192.0.2.1");
    for (const Row& row : table) {
        https_.reply(kHost, row.status, row.content, row.content_type);
        const StsFetched fetched = fetch();
        EXPECT_EQ(fetched.failure, row.failure) << row.problem;
        EXPECT_EQ(fetched.policy.has_value(), row.failure == Failure::none) << row.problem;
        EXPECT_THAT(fetched.problem, HasSubstr(row.problem));
    }
}

TEST_F(StsFetcherTest, ACertificateIsAnotherFaultThanSilence) {
    resolver_.add_address(kHost, "192.0.2.1");
    https_.fail(kHost, HttpsReply::Fault::certificate, "certificate has expired");
    EXPECT_EQ(fetch().failure, Failure::sts_webpki_invalid);
    EXPECT_THAT(fetch().problem, HasSubstr("mta-sts.example.com: certificate has expired"));
    https_.fail(kHost, HttpsReply::Fault::failed, "Connection refused");
    EXPECT_EQ(fetch().failure, Failure::sts_policy_fetch_error);
}

TEST_F(StsFetcherTest, WithoutAnAddressNobodyIsAsked) {
    EXPECT_EQ(fetch().failure, Failure::sts_policy_fetch_error);
    EXPECT_THAT(fetch().problem, HasSubstr("mta-sts.example.com has no address"));
    resolver_.fail_addresses(kHost, dns::Family::ipv4, "192.0.2.53 doesn't answer");
    EXPECT_THAT(fetch().problem, HasSubstr("doesn't answer"));
    EXPECT_EQ(https_.count(), 0U);
}

TEST_F(StsFetcherTest, WhatWouldMeanSomethingInAUrlIsNoHost) {
    for (const char* domain :
         {"x/y.example",
          "a@b.example",
          "a:1.example",
          "a b.example",
          "a?.example",
          "a#.example",
          "",
          "a..example",
          "a\n.example"}) {
        resolver_.add_address(std::string("mta-sts.") + domain, "192.0.2.1");
        EXPECT_EQ(fetch(domain).failure, Failure::sts_policy_fetch_error) << domain;
    }
    EXPECT_EQ(https_.count(), 0U);
    EXPECT_THAT(resolver_.questions(), IsEmpty());
}

}  // namespace
}  // namespace mxpost::tls
