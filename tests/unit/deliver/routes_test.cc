#include "deliver/routes.h"

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <boost/asio.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_resolver.h"
#include "support/fixed_random.h"
#include "support/manual_clock.h"

namespace mxpost::deliver {
namespace {

namespace asio = boost::asio;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// Two hosts of example.org, all of it signed.
class RoutesTest : public testing::Test {
protected:
    RoutesTest()
        : router_(resolver_, random_, route::RouterSettings(), [](const auto&) { return false; }) {
        resolver_.set_secure(true);
        resolver_.add_mx("example.org", 10, "a.example.org");
        resolver_.add_mx("example.org", 20, "b.example.org");
        resolver_.add_address("a.example.org", "192.0.2.1");
        resolver_.add_address("b.example.org", "192.0.2.2");
    }

    void add_tlsa(const std::string& host, std::uint8_t usage = 3) {
        dns::TlsaRecord record;
        record.usage = usage;
        record.selector = 1;
        record.matching_type = 1;
        record.data = std::string(32, 'a');
        resolver_.add_tlsa("_25._tcp." + host, record);
    }

    void set_policy(config::TlsLevel level) {
        config::TlsPolicy policy;
        policy.domain = "example.org";
        policy.level = level;
        settings_.tls_policy = {policy};
    }

    NextHopResult find() {
        Routes routes(io_.get_executor(), router_, session_, settings_, clock_, dane_);
        return find(routes, "example.org");
    }
    NextHopResult find(Routes& routes, const std::string& domain) {
        std::optional<NextHopResult> result;
        asio::co_spawn(
            io_,
            routes.find(domain, false, wish_),
            [&](std::exception_ptr failure, NextHopResult value) {
                EXPECT_FALSE(failure);
                result = std::move(value);
            }
        );
        io_.restart();
        io_.run();
        return result.value_or(NextHopResult());
    }
    NextHop hop() { return std::get<NextHop>(find()); }

    static std::vector<std::string> peers(const NextHop& hop) {
        std::vector<std::string> texts;
        for (const smtp::Peer& peer : hop.peers) {
            const bool has_dane = peer.demand && peer.demand->use == tls::TlsUse::dane;
            texts.push_back(peer.host + (has_dane ? " by DANE" : peer.demand ? " by demand" : ""));
        }
        return texts;
    }

    asio::io_context io_;
    test::FakeResolver resolver_;
    test::FixedRandom random_;
    test::ManualClock clock_;
    smtp::SessionSettings session_;
    config::Settings settings_;
    TlsWish wish_ = TlsWish::usual;
    dns::Resolver* dane_ = &resolver_;
    route::Router router_;
};

TEST_F(RoutesTest, ManyUrgentOnesAskOnceForWhatFails) {
    Routes routes(io_.get_executor(), router_, session_, settings_, clock_, dane_);
    resolver_.stall_mx("broken.example");
    resolver_.fail_mx("broken.example", "SERVFAIL");
    std::size_t answered = 0;
    for (int i = 0; i < 5; ++i) {
        asio::co_spawn(
            io_,
            routes.find("broken.example", true, wish_),
            [&](const std::exception_ptr& failure, const NextHopResult& result) {
                EXPECT_FALSE(failure);
                answered += std::holds_alternative<mail::RecipientOutcome>(result) ? 1U : 0U;
            }
        );
    }
    io_.poll();
    resolver_.answer_mx("broken.example");
    io_.restart();
    io_.run();
    EXPECT_EQ(answered, 5U);
    EXPECT_THAT(resolver_.questions(), ElementsAre("MX broken.example"));
}

TEST_F(RoutesTest, AsksForNothingMoreWhenTheEngineEnds) {
    Routes routes(io_.get_executor(), router_, session_, settings_, clock_, dane_);
    routes.stop();
    const auto result = find(routes, "example.org");
    ASSERT_TRUE(std::holds_alternative<mail::RecipientOutcome>(result));
    EXPECT_THAT(resolver_.questions(), testing::IsEmpty());
}

TEST_F(RoutesTest, DemandsWhatTlsaRecordsSay) {
    add_tlsa("b.example.org");
    EXPECT_THAT(peers(hop()), ElementsAre("a.example.org", "b.example.org by DANE"));
}

// Another domain's sessions with these hosts may have been content with less.
TEST_F(RoutesTest, SharesNoSessionsWithWhoDemandsSomethingElse) {
    const std::string plain = hop().site;
    add_tlsa("b.example.org", 3);
    const std::string by_key = hop().site;
    EXPECT_NE(by_key, plain);
    add_tlsa("b.example.org", 2);
    const std::string by_issuer = hop().site;
    EXPECT_NE(by_issuer, plain);
    EXPECT_NE(by_issuer, by_key);
}

// RFC 7672 2.1.3.
TEST_F(RoutesTest, PassesOverAHostWhoseTlsaRecordsAreUnknown) {
    resolver_.fail_tlsa("_25._tcp.a.example.org", "SERVFAIL");
    EXPECT_THAT(peers(hop()), ElementsAre("b.example.org"));
}

TEST_F(RoutesTest, WaitsWhereNoHostIsLeft) {
    resolver_.fail_tlsa("_25._tcp.a.example.org", "SERVFAIL");
    resolver_.fail_tlsa("_25._tcp.b.example.org", "timed out");
    const auto outcome = std::get<mail::RecipientOutcome>(find());
    EXPECT_EQ(outcome.kind, mail::OutcomeKind::deferred);
    EXPECT_EQ(outcome.status.text(), "4.7.5");
    EXPECT_THAT(outcome.text, HasSubstr("TLSA records of a.example.org"));
}

// What the administrator says comes first, then the sender (RFC 8689 5), then the domain.
TEST_F(RoutesTest, AsksForNoTlsaRecordsWhereTheyWouldNotCount) {
    add_tlsa("a.example.org");
    settings_.dane = false;
    EXPECT_THAT(peers(hop()), ElementsAre("a.example.org", "b.example.org"));
    settings_.dane = true;
    session_.tls = tls::TlsUse::none;
    EXPECT_THAT(peers(hop()), ElementsAre("a.example.org", "b.example.org"));
    session_.tls = tls::TlsUse::may;
    wish_ = TlsWish::lenient;
    EXPECT_THAT(peers(hop()), ElementsAre("a.example.org", "b.example.org"));
    wish_ = TlsWish::usual;
    set_policy(config::TlsLevel::may);
    EXPECT_THAT(peers(hop()), ElementsAre("a.example.org by demand", "b.example.org by demand"));
    EXPECT_THAT(resolver_.questions(), Not(testing::Contains(HasSubstr("TLSA"))));
}

TEST_F(RoutesTest, InsistsOnTlsaRecordsWhereThePolicySaysSo) {
    settings_.dane = false;
    set_policy(config::TlsLevel::dane);
    EXPECT_THAT(
        std::get<mail::RecipientOutcome>(find()).text,
        HasSubstr("tls-policy example.org:dane, but a.example.org has no TLSA records")
    );
    add_tlsa("b.example.org");
    EXPECT_THAT(peers(hop()), ElementsAre("b.example.org by DANE"));
    EXPECT_TRUE(hop().peers.front().demand->is_configured);
}

TEST_F(RoutesTest, VerifiesByNameWhereTlsaRecordsCannotBeUsed) {
    add_tlsa("a.example.org", 1);
    EXPECT_THAT(peers(hop()), ElementsAre("a.example.org by demand", "b.example.org"));
    session_.tls = tls::TlsUse::verify;
    EXPECT_THAT(peers(hop()), ElementsAre("a.example.org", "b.example.org"));
}

// Whoever has many names could fill the memory with a few thousand of them.
TEST_F(RoutesTest, KeepsABoundedNumberOfAddresses) {
    resolver_.set_secure(false);
    for (int i = 0; i < 100; ++i) {
        resolver_.add_address("mx.evil.example", "192.0.2." + std::to_string(100 + i));
    }
    Routes routes(io_.get_executor(), router_, session_, settings_, clock_, nullptr);
    const auto name_of = [](int i) { return "x" + std::to_string(i) + ".example"; };
    for (int i = 0; i < 1000; ++i) {
        resolver_.add_mx(name_of(i), 10, "mx.evil.example");
        find(routes, name_of(i));
    }
    EXPECT_NE(routes.known_site(name_of(0)), nullptr);
    EXPECT_NE(routes.known_site(name_of(999)), nullptr);
    find(routes, "example.org");
    EXPECT_EQ(routes.known_site(name_of(0)), nullptr);
    EXPECT_EQ(routes.known_site(name_of(999)), nullptr);
    // They count no more.
    find(routes, name_of(0));
    find(routes, name_of(0));
    EXPECT_NE(routes.known_site(name_of(0)), nullptr);
    find(routes, "example.org");
    EXPECT_NE(routes.known_site(name_of(0)), nullptr);
}

}  // namespace
}  // namespace mxpost::deliver
