#include "deliver/next_hop.h"

#include <gtest/gtest.h>

#include "config/values.h"
#include "deliver_test.h"

namespace mxpost::deliver {
namespace {

using Groups = std::vector<std::vector<std::string>>;

Groups texts(const std::vector<smtp::Peer>& peers) {
    Groups result;
    for (const auto& group : groups_of_equal_preference(peers)) {
        result.emplace_back();
        for (const smtp::Peer& peer : group) {
            result.back().push_back(peer.text());
        }
    }
    return result;
}

TEST(GroupsOfEqualPreference, AreAsTheMxRecordsSay) {
    Queue queue;
    Life life(queue);
    life.resolver.add_mx("b.example", 10, "one.b.example");
    life.resolver.add_address("one.b.example", "192.0.2.1");
    life.resolver.add_address("one.b.example", "2001:db8::1");
    life.resolver.add_mx("b.example", 20, "two.b.example");
    life.resolver.add_address("two.b.example", "192.0.2.2");
    NextHopResult found;
    MxDestination destination(life.services, "b.example");
    boost::asio::co_spawn(
        life.io,
        destination.find(),
        [&](std::exception_ptr failure, NextHopResult result) {
            EXPECT_FALSE(failure);
            found = std::move(result);
        }
    );
    life.io.run();
    EXPECT_EQ(
        texts(std::get<NextHop>(found).peers),
        (Groups{
            {"one.b.example[192.0.2.1]:25", "one.b.example[2001:db8::1]:25"},
            {"two.b.example[192.0.2.2]:25"}})
    );
    EXPECT_TRUE(std::get<NextHop>(found).peers[1].is_ipv6());
}

class DemandsTest : public testing::Test {
protected:
    DemandsTest() : life_(queue_) {
        for (const char* domain : {"b.example", "bank.example", "sub.bank.example"}) {
            life_.resolver.add_mx(domain, 10, "mx.example");
        }
        life_.resolver.add_address("mx.example", "192.0.2.1");
    }
    NextHop find(const std::string& domain, TlsWish wish = TlsWish::usual) {
        NextHopResult found;
        MxDestination destination(life_.services, domain, false, wish);
        boost::asio::co_spawn(
            life_.io,
            destination.find(),
            [&](std::exception_ptr, NextHopResult result) { found = std::move(result); }
        );
        life_.io.restart();
        life_.io.run();
        return std::get<NextHop>(found);
    }
    static tls::TlsUse use_of(const NextHop& hop) {
        return hop.peers.front().demand ? hop.peers.front().demand->use : hop.session.tls;
    }

    Queue queue_;
    Life life_;
};

TEST_F(DemandsTest, TheFirstPolicyThatFitsADomainCounts) {
    life_.settings.tls_policy =
        config::parse_tls_policies("bank.example:verify, .bank.example:none, .example:encrypt")
            .value();
    EXPECT_EQ(use_of(find("bank.example")), tls::TlsUse::verify);
    EXPECT_EQ(use_of(find("sub.bank.example")), tls::TlsUse::none);
    EXPECT_EQ(use_of(find("b.example")), tls::TlsUse::encrypt);
    EXPECT_EQ(find("bank.example").peers.front().demand->source, "tls-policy bank.example:verify");
    EXPECT_NE(find("bank.example").site, find("b.example").site)
        << "a session with less demanded of it must not be shared";
}

// Else mail that must be verified would go without, and nobody be told.
TEST_F(DemandsTest, APolicyFitsHoweverItsDomainIsWritten) {
    for (const char* domain : {"xn--bcher-kva.example", "shop.xn--bcher-kva.example"}) {
        life_.resolver.add_mx(domain, 10, "mx.example");
    }
    const std::string u_labels =
        "b\xc3\xbc"
        "cher.example";
    const auto policies = config::parse_tls_policies(
        u_labels + ":verify, ." + u_labels +
        ":encrypt, [IPv6:2001:DB8::0:1]:verify, [192.0.2.1]:encrypt"
    );
    life_.settings.tls_policy = policies.value();
    EXPECT_EQ(use_of(find("xn--bcher-kva.example")), tls::TlsUse::verify);
    EXPECT_EQ(use_of(find(u_labels)), tls::TlsUse::verify);
    EXPECT_EQ(use_of(find("shop.xn--bcher-kva.example")), tls::TlsUse::encrypt);
    EXPECT_EQ(use_of(find("[IPv6:2001:db8::1]")), tls::TlsUse::verify);
    EXPECT_EQ(use_of(find("[IPv6:2001:db8::2]")), tls::TlsUse::may);
    EXPECT_EQ(use_of(find("[IPv6:::ffff:192.0.2.1]")), tls::TlsUse::encrypt);
}

TEST_F(DemandsTest, NoDowngradeIsForAllOrForADomainAndNotForWhoIsLenient) {
    EXPECT_FALSE(find("b.example").refuses_downgrade);
    life_.settings.tls_policy = config::parse_tls_policies("bank.example:no-downgrade").value();
    EXPECT_TRUE(find("bank.example").refuses_downgrade);
    EXPECT_EQ(use_of(find("bank.example")), tls::TlsUse::may);
    life_.settings.tls = config::TlsLevel::no_downgrade;
    EXPECT_TRUE(find("sub.bank.example").refuses_downgrade);
    const NextHop lenient = find("sub.bank.example", TlsWish::lenient);
    EXPECT_FALSE(lenient.refuses_downgrade);
    EXPECT_NE(lenient.site, find("sub.bank.example").site);
}

TEST_F(DemandsTest, RequireTlsNeedsServersThatAreBeyondDoubt) {
    NextHop doubtful = find("b.example");
    const auto refused = require_tls(doubtful);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->kind, mail::OutcomeKind::failed);
    EXPECT_EQ(refused->status.text(), "5.7.30");
    life_.resolver.set_secure(true);
    NextHop hop = find("bank.example");
    const std::string site = hop.site;
    ASSERT_FALSE(require_tls(hop));
    EXPECT_EQ(use_of(hop), tls::TlsUse::verify);
    EXPECT_NE(hop.site, site);
    auto dane = std::make_shared<tls::Demand>(tls::TlsUse::dane);
    hop.peers.front().demand = dane;
    ASSERT_FALSE(require_tls(hop));
    EXPECT_EQ(hop.peers.front().demand, dane) << "which is no less";
}

TEST(GroupsOfEqualPreference, HasNoneOfNothing) {
    EXPECT_EQ(texts({}), Groups{});
}

}  // namespace
}  // namespace mxpost::deliver
