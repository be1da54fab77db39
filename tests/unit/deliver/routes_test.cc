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

// Nor may mail go to a host over them that it has no TLSA records of at present.
TEST_F(RoutesTest, SharesNoSessionsWithWhoMayGoToAnyHost) {
    const std::string plain = hop().site;
    resolver_.fail_tlsa("_25._tcp.a.example.org", "SERVFAIL");
    EXPECT_NE(hop().site, plain);
}

// RFC 7672 2.1.3.
TEST_F(RoutesTest, PassesOverAHostWhoseTlsaRecordsAreUnknown) {
    EXPECT_FALSE(hop().left_out);
    resolver_.fail_tlsa("_25._tcp.a.example.org", "SERVFAIL");
    const NextHop found = hop();
    EXPECT_THAT(peers(found), ElementsAre("b.example.org"));
    ASSERT_TRUE(found.left_out);
    EXPECT_EQ(found.left_out->kind, mail::OutcomeKind::deferred);
    EXPECT_THAT(found.left_out->text, HasSubstr("TLSA records of a.example.org"));
}

TEST_F(RoutesTest, TellsOfAHostThatCannotBeLookedUp) {
    resolver_.add_mx("example.org", 5, "slow.example.org");
    resolver_.fail_addresses("slow.example.org", dns::Family::ipv4, "SERVFAIL");
    const NextHop found = hop();
    EXPECT_THAT(peers(found), ElementsAre("a.example.org", "b.example.org"));
    ASSERT_TRUE(found.left_out);
    EXPECT_THAT(found.left_out->text, HasSubstr("slow.example.org can't be looked up now"));
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

// RFC 8460 4.3.2.1
TEST_F(RoutesTest, SaysForReportsThatTlsaRecordsCannotBeUsed) {
    add_tlsa("a.example.org", 1);
    add_tlsa("b.example.org", 3);
    const NextHop found = hop();
    ASSERT_THAT(peers(found), ElementsAre("a.example.org by demand", "b.example.org by DANE"));
    ASSERT_NE(found.peers[0].policy, nullptr);
    EXPECT_EQ(found.peers[0].policy->type, tls::PolicyType::tlsa);
    EXPECT_EQ(found.peers[0].policy->failure, tls::Failure::tlsa_invalid);
    EXPECT_EQ(found.peers[1].policy, nullptr);
}

// Whoever has many names could fill the memory with a few thousand of them: with addresses, and
// with TLSA records as long as an answer may be.
class RoutesMemoryTest : public RoutesTest {
protected:
    void give_addresses() {
        hosts_ = {"mx.evil.example"};
        for (int i = 0; i < 100; ++i) {
            resolver_.add_address("mx.evil.example", "192.0.2." + std::to_string(100 + i));
        }
    }
    void give_tlsa_records() {
        for (int host = 0; host < 10; ++host) {
            hosts_.push_back("mx" + std::to_string(host) + ".evil.example");
            resolver_.add_address(hosts_.back(), "192.0.2.1");
            for (char i = 0; i < 60; ++i) {
                dns::TlsaRecord record;
                record.usage = 3;
                record.matching_type = 2;
                record.data = std::string(64, i);
                resolver_.add_tlsa("_25._tcp." + hosts_.back(), record);
            }
        }
    }
    static std::string name_of(int i) { return "x" + std::to_string(i) + ".example"; }
    /// Until those that were found first are forgotten: how many were.
    int fill(Routes& routes, std::size_t least_octets_of_one) {
        for (int i = 0; i < 10000; ++i) {
            for (const std::string& host : hosts_) {
                resolver_.add_mx(name_of(i), 10, host);
            }
            find(routes, name_of(i));
            if (routes.known_site(name_of(0)) == nullptr) {
                return i;
            }
            EXPECT_LE(routes.octets(), Routes::kMaxOctets);
            EXPECT_GE(routes.octets(), static_cast<std::size_t>(i) * least_octets_of_one);
        }
        return -1;
    }

private:
    std::vector<std::string> hosts_;
};

TEST_F(RoutesMemoryTest, IsBoundedForAddresses) {
    give_addresses();
    Routes routes(io_.get_executor(), router_, session_, settings_, clock_, nullptr);
    const int count = fill(routes, 100 * sizeof(smtp::Peer));
    EXPECT_GT(count, 500);
    EXPECT_EQ(routes.known_site(name_of(count)), nullptr);
    // They count no more.
    EXPECT_EQ(routes.octets(), 0U);
    find(routes, name_of(0));
    find(routes, name_of(0));
    EXPECT_NE(routes.known_site(name_of(0)), nullptr);
}

TEST_F(RoutesMemoryTest, IsBoundedForTlsaRecords) {
    give_tlsa_records();
    Routes routes(io_.get_executor(), router_, session_, settings_, clock_, dane_);
    EXPECT_GT(fill(routes, std::size_t{10} * 60 * 64), 300);
}

TEST_F(RoutesMemoryTest, WhatIsTooOldGoesFirst) {
    give_tlsa_records();
    Routes routes(io_.get_executor(), router_, session_, settings_, clock_, dane_);
    const int count = fill(routes, 0);
    for (int i = 0; i < count / 2; ++i) {
        find(routes, name_of(i));
    }
    clock_.advance(std::chrono::minutes(2));
    for (int i = count / 2; i <= count; ++i) {
        find(routes, name_of(i));
    }
    EXPECT_EQ(routes.known_site(name_of(0)), nullptr);
    EXPECT_NE(routes.known_site(name_of(count / 2)), nullptr);
    EXPECT_NE(routes.known_site(name_of(count)), nullptr);
    // Nobody needs room, but nobody asks for them any more either.
    clock_.advance(std::chrono::minutes(20));
    find(routes, "example.org");
    EXPECT_EQ(routes.known_site(name_of(count)), nullptr);
    EXPECT_NE(routes.known_site("example.org"), nullptr);
}

}  // namespace
}  // namespace mxpost::deliver
