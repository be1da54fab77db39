#include "tls/sts_cache.h"

#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_https.h"
#include "support/fake_resolver.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"

namespace mxpost::tls {
namespace {

namespace asio = boost::asio;
using std::chrono::hours;
using std::chrono::minutes;

class StsCacheTest : public testing::Test {
protected:
    StsCacheTest() : state_(StateDirectory::at(files_, log_, directory_.path())) {
        resolver_.add_address("mta-sts.example.com", "192.0.2.1");
        restart();
    }
    ~StsCacheTest() override { cache_.reset(); }

    /// As when another engine starts.
    void restart() {
        cache_.reset();
        cache_ = std::make_unique<StsCache>(
            context_.get_executor(), resolver_, https_, state_, clock_, log_
        );
    }
    void publish(
        const std::string& id,
        const std::string& mode = "enforce",
        const std::string& max_age = "604800"
    ) {
        set_record("v=STSv1; id=" + id);
        https_.reply(
            "mta-sts.example.com",
            200,
            "version: STSv1\nmode: " + mode + "\nmx: mx.example.com\nmax_age: " + max_age + "\n"
        );
    }
    void set_record(const std::string& text) {
        resolver_ = test::FakeResolver();
        resolver_.add_address("mta-sts.example.com", "192.0.2.1");
        resolver_.add_txt("_mta-sts.example.com", text);
    }
    void take_server_down() {
        https_.fail("mta-sts.example.com", HttpsReply::Fault::failed, "Connection refused");
    }

    std::vector<StsVerdict> find(std::size_t times) {
        std::vector<StsVerdict> verdicts;
        for (std::size_t i = 0; i < times; ++i) {
            asio::co_spawn(
                context_,
                cache_->find("example.com"),
                [&](std::exception_ptr failure, StsVerdict verdict) {
                    EXPECT_FALSE(failure);
                    verdicts.push_back(std::move(verdict));
                }
            );
        }
        context_.restart();
        context_.run();
        EXPECT_EQ(verdicts.size(), times);
        return verdicts;
    }
    /// "enforce 1", "-", "testing 2, sts-policy-fetch-error".
    std::string found() {
        const StsVerdict verdict = find(1).front();
        std::string text =
            verdict.policy ? std::string(text_of(verdict.policy->mode)) + " " + verdict.id : "-";
        if (verdict.failure != Failure::none) {
            text += ", " + std::string(result_type(verdict.failure));
        }
        return text;
    }

    test::TemporaryDirectory directory_;
    PosixFileSystem files_;
    NullLog log_;
    StateDirectory state_;
    test::FakeResolver resolver_;
    test::FakeHttps https_;
    test::ManualClock clock_;
    asio::io_context context_;
    std::unique_ptr<StsCache> cache_;
};

TEST_F(StsCacheTest, WithoutARecordOneQuestionIsAsked) {
    EXPECT_EQ(found(), "-");
    EXPECT_EQ(resolver_.questions(), std::vector<std::string>{"TXT _mta-sts.example.com"});
    EXPECT_EQ(https_.count(), 0U);
}

TEST_F(StsCacheTest, APolicyIsFetchedOnce) {
    publish("1");
    EXPECT_EQ(found(), "enforce 1");
    EXPECT_EQ(found(), "enforce 1");
    EXPECT_EQ(https_.count(), 1U);
}

TEST_F(StsCacheTest, WhoAsksAtTheSameTimeWaitsForTheOneFetch) {
    publish("1");
    for (const StsVerdict& verdict : find(20)) {
        ASSERT_TRUE(verdict.policy);
        EXPECT_EQ(verdict.policy->mode, StsMode::enforce);
    }
    EXPECT_EQ(https_.count(), 1U);
}

TEST_F(StsCacheTest, ANewIdHasThePolicyFetchedAgain) {
    publish("1");
    EXPECT_EQ(found(), "enforce 1");
    publish("2", "testing");
    EXPECT_EQ(found(), "testing 2");
    EXPECT_EQ(https_.count(), 2U);
}

TEST_F(StsCacheTest, APolicySurvivesTheEngine) {
    publish("1");
    EXPECT_EQ(found(), "enforce 1");
    restart();
    take_server_down();
    EXPECT_EQ(found(), "enforce 1");
    EXPECT_EQ(https_.count(), 1U);
}

TEST_F(StsCacheTest, AnEngineThatIsKilledHasWrittenWhatItKnew) {
    publish("1");
    EXPECT_EQ(found(), "enforce 1");
    publish("2", "testing");
    EXPECT_EQ(found(), "testing 2");
    clock_.advance(std::chrono::seconds(6));
    cache_->tick();
    EXPECT_EQ(decode_sts_entries(state_.read("mta-sts").value()).at("example.com").id, "2");
}

// RFC 8461 5.1, 10.2
TEST_F(StsCacheTest, WhatIsSuppressedLaterCountsUntilItExpires) {
    publish("1", "enforce", "604800");
    EXPECT_EQ(found(), "enforce 1");
    take_server_down();
    set_record("no record of ours");
    EXPECT_EQ(found(), "enforce 1");
    resolver_.fail_txt("_mta-sts.example.com", "SERVFAIL");
    EXPECT_EQ(found(), "enforce 1");
    set_record("v=STSv1; id=2");
    EXPECT_EQ(found(), "enforce 1, sts-policy-fetch-error");
    https_.reply("mta-sts.example.com", 200, "nonsense");
    clock_.advance(minutes(6));
    EXPECT_EQ(found(), "enforce 1, sts-policy-invalid");
    clock_.advance(hours(24 * 7));
    EXPECT_EQ(found(), "-, sts-policy-invalid");
    restart();
    set_record("no record of ours");
    EXPECT_EQ(found(), "-");
}

TEST_F(StsCacheTest, AnExpiredPolicyIsFetchedAgain) {
    publish("1", "enforce", "3600");
    EXPECT_EQ(found(), "enforce 1");
    clock_.advance(hours(2));
    EXPECT_EQ(found(), "enforce 1");
    EXPECT_EQ(https_.count(), 2U);
    restart();
    clock_.advance(hours(2));
    take_server_down();
    EXPECT_EQ(found(), "-, sts-policy-fetch-error");
}

TEST_F(StsCacheTest, NobodyWaitsForARefresh) {
    publish("1", "enforce", "604800");
    EXPECT_EQ(found(), "enforce 1");
    clock_.advance(hours(25));
    publish("1", "testing");
    EXPECT_EQ(found(), "enforce 1");  // what was known; the fetch began beside it
    EXPECT_EQ(https_.count(), 2U);
    EXPECT_EQ(found(), "testing 1");
    clock_.advance(hours(25));
    take_server_down();
    EXPECT_EQ(found(), "testing 1");
    EXPECT_EQ(found(), "testing 1, sts-policy-fetch-error");
    EXPECT_EQ(https_.count(), 3U);
    clock_.advance(minutes(6));
    EXPECT_EQ(found(), "testing 1, sts-policy-fetch-error");
    EXPECT_EQ(https_.count(), 4U);
}

TEST_F(StsCacheTest, WithoutMailAPolicyIsFetchedAgainBeforeItExpires) {
    publish("1", "enforce", "604800");
    EXPECT_EQ(found(), "enforce 1");
    const auto tick = [&] {
        cache_->tick();
        context_.restart();
        context_.run();
    };
    clock_.advance(hours(24 * 3));
    tick();
    EXPECT_EQ(https_.count(), 1U);
    clock_.advance(hours(24));
    tick();
    tick();
    EXPECT_EQ(https_.count(), 2U);
    take_server_down();
    clock_.advance(hours(24 * 5));
    EXPECT_EQ(found(), "enforce 1");
}

TEST_F(StsCacheTest, AFailedFetchIsNotRepeatedForFiveMinutes) {
    set_record("v=STSv1; id=1");
    EXPECT_EQ(found(), "-, sts-policy-fetch-error");
    clock_.advance(minutes(4));
    EXPECT_EQ(found(), "-, sts-policy-fetch-error");
    EXPECT_EQ(https_.count(), 1U);
    publish("1");
    clock_.advance(minutes(2));
    EXPECT_EQ(found(), "enforce 1");
}

TEST_F(StsCacheTest, ModeNoneEndsAPolicy) {
    publish("1");
    EXPECT_EQ(found(), "enforce 1");
    publish("2", "none", "86400");
    EXPECT_EQ(found(), "-");
    take_server_down();
    set_record("no record of ours");
    EXPECT_EQ(found(), "-");
    restart();
    EXPECT_EQ(found(), "-");
}

TEST_F(StsCacheTest, AClockThatWasWrongMakesNoPolicyEternal) {
    publish("1", "enforce", "604800");
    const WallTime now = clock_.now();
    clock_.jump_to(now + hours(24 * 365));
    EXPECT_EQ(found(), "enforce 1");
    clock_.jump_to(now);
    EXPECT_EQ(found(), "enforce 1");
    EXPECT_EQ(https_.count(), 2U);
}

TEST(StsEntriesText, IsReadAsItWasWritten) {
    StsEntries entries;
    for (int i = 0; i < 20; ++i) {
        StsEntry& entry = entries["d" + std::to_string(i) + ".example"];
        entry.id = std::to_string(i);
        entry.fetched = WallTime(std::chrono::seconds(1700000000 + i));
        entry.policy.mode = i % 2 == 0 ? StsMode::enforce : StsMode::none;
        entry.policy.mx = {"mx.example", "*.example"};
        entry.policy.max_age = std::chrono::seconds(i);
    }
    EXPECT_EQ(decode_sts_entries(encode_sts_entries(entries)), entries);
    EXPECT_EQ(decode_sts_entries(encode_sts_entries({})).size(), 0U);
}

TEST(StsEntriesText, WhatIsBrokenIsLeftOut) {
    const std::string good =
        "domain a.example\nid 1\nfetched 1700000000\nversion: STSv1\nmode: enforce\n"
        "mx: mx.example\nmax_age: 5\n";
    const std::string first = "mxpost MTA-STS policies 1\n\n";
    EXPECT_EQ(decode_sts_entries(first + good).size(), 1U);
    EXPECT_EQ(decode_sts_entries("mxpost MTA-STS policies 2\n\n" + good).size(), 0U);
    const std::string broken[] = {
        "",
        "\n\n\n",
        "domain b.example\n",
        "domain b.example\nid 1\nfetched 1\n",
        "domain b.example\nid 1\nfetched x\nversion: STSv1\nmode: none\nmax_age: 5\n",
        "domain b.example\nid 1\nfetched 99999999999999\nversion: STSv1\nmode: none\nmax_age: 5\n",
        "domain b/c\nid 1\nfetched 1\nversion: STSv1\nmode: none\nmax_age: 5\n",
        "id 1\ndomain b.example\nfetched 1\nversion: STSv1\nmode: none\nmax_age: 5\n"};
    for (const std::string& block : broken) {
        const StsEntries entries = decode_sts_entries(first + block + "\n" + good);
        EXPECT_FALSE(entries.contains("b.example")) << block;
        EXPECT_TRUE(entries.contains("a.example")) << block;
    }
    for (std::size_t cut = 0; cut < good.size() - 1; ++cut) {
        // A torn file: at most a shorter number is read, never something else.
        EXPECT_LE(decode_sts_entries(first + good.substr(0, cut)).size(), 1U);
    }
}

}  // namespace
}  // namespace mxpost::tls
