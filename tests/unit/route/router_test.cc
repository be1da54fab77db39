#include "route/router.h"

#include <optional>

#include <boost/asio.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_resolver.h"
#include "support/manual_clock.h"

namespace mxpost::route {
namespace {

namespace asio = boost::asio;
using asio::ip::make_address;
using mail::EnhancedStatus;
using mail::OutcomeKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

/// Gives what the test says, over and over.
class ScriptedRandom final : public Random {
public:
    std::uint64_t bits() override { return values[at++ % values.size()]; }
    std::vector<std::uint64_t> values = {0};
    std::size_t at = 0;
};

class RouterTest : public testing::Test {
protected:
    RouteResult run(const std::string& domain) {
        Router router(resolver_, random_, settings_, [this](const asio::ip::address& address) {
            return own_.contains(address);
        });
        asio::io_context context;
        std::optional<RouteResult> result;
        asio::co_spawn(
            context,
            router.route(domain),
            [&](std::exception_ptr failure, RouteResult value) {
                EXPECT_FALSE(failure);
                result = std::move(value);
            }
        );
        context.run();
        return result.value_or(RouteResult());
    }

    bool is_own_literal(const std::string& domain) {
        const Router router(resolver_, random_, settings_, [this](const auto& address) {
            return own_.contains(address);
        });
        return router.is_own_literal(domain);
    }

    Route route(const std::string& domain) {
        RouteResult result = run(domain);
        if (const auto* outcome = std::get_if<mail::RecipientOutcome>(&result)) {
            ADD_FAILURE() << outcome->text;
            return {};
        }
        return std::get<Route>(result);
    }

    mail::RecipientOutcome outcome(const std::string& domain) {
        RouteResult result = run(domain);
        if (std::holds_alternative<Route>(result)) {
            ADD_FAILURE() << "there is a route";
            return {};
        }
        return std::get<mail::RecipientOutcome>(result);
    }

    void expect_failed(const std::string& domain, EnhancedStatus status, const std::string& text) {
        const auto result = outcome(domain);
        EXPECT_EQ(result.kind, OutcomeKind::failed);
        EXPECT_EQ(result.status.text(), status.text());
        EXPECT_THAT(result.text, HasSubstr(text));
    }

    void expect_deferred(
        const std::string& domain, EnhancedStatus status, const std::string& text
    ) {
        const auto result = outcome(domain);
        EXPECT_EQ(result.kind, OutcomeKind::deferred);
        EXPECT_EQ(result.status.text(), status.text());
        EXPECT_THAT(result.text, HasSubstr(text));
    }

    /// An MX record and an address for its host.
    void add_host(
        const std::string& domain,
        std::uint16_t preference,
        const std::string& host,
        const std::string& address
    ) {
        resolver_.add_mx(domain, preference, host);
        resolver_.add_address(host, address);
    }

    static std::vector<std::string> names(const Route& route) {
        std::vector<std::string> names;
        for (const MxHost& host : route.hosts) {
            names.push_back(host.name);
        }
        return names;
    }

    static std::vector<std::string> addresses(const MxHost& host) {
        std::vector<std::string> texts;
        for (const auto& address : host.addresses) {
            texts.push_back(address.to_string());
        }
        return texts;
    }

    test::FakeResolver resolver_;
    ScriptedRandom random_;
    RouterSettings settings_;
    std::set<asio::ip::address> own_;
};

TEST_F(RouterTest, OrdersHostsByPreference) {
    add_host("example.org", 20, "b.example.org", "192.0.2.2");
    add_host("example.org", 5, "c.example.org", "192.0.2.3");
    add_host("example.org", 10, "a.example.org", "192.0.2.1");
    const Route found = route("Example.Org");
    EXPECT_EQ(found.domain, "example.org");
    EXPECT_THAT(names(found), ElementsAre("c.example.org", "a.example.org", "b.example.org"));
    EXPECT_THAT(addresses(found.hosts[0]), ElementsAre("192.0.2.3"));
    EXPECT_EQ(found.hosts[0].preference, 5);
    EXPECT_EQ(found.site, "a.example.org,b.example.org,c.example.org");
}

TEST_F(RouterTest, ShufflesHostsOfOnePreferenceOnly) {
    add_host("example.org", 10, "a.example.org", "192.0.2.1");
    add_host("example.org", 10, "b.example.org", "192.0.2.2");
    add_host("example.org", 20, "c.example.org", "192.0.2.3");
    std::set<std::vector<std::string>> orders;
    for (std::uint64_t i = 0; i < 12; ++i) {
        random_.values = {i, i / 2, i / 3};
        random_.at = 0;
        orders.insert(names(route("example.org")));
    }
    EXPECT_THAT(
        orders,
        UnorderedElementsAre(
            ElementsAre("a.example.org", "b.example.org", "c.example.org"),
            ElementsAre("b.example.org", "a.example.org", "c.example.org")
        )
    );
}

TEST_F(RouterTest, GivesDomainsWithTheSameHostsOneSite) {
    add_host("one.example", 10, "mx1.host.example", "192.0.2.1");
    add_host("one.example", 20, "mx2.host.example", "192.0.2.2");
    add_host("two.example", 5, "mx2.host.example", "192.0.2.2");
    add_host("two.example", 5, "mx1.host.example", "192.0.2.1");
    EXPECT_EQ(route("one.example").site, route("two.example").site);
}

TEST_F(RouterTest, UsesTheDomainItselfWhereThereIsNoMx) {
    resolver_.add_address("example.org", "192.0.2.1");
    const Route found = route("example.org");
    EXPECT_THAT(names(found), ElementsAre("example.org"));
    EXPECT_EQ(found.site, "example.org");
}

TEST_F(RouterTest, DoesNotUseTheDomainItselfWhereMxHostsLackAddresses) {
    resolver_.add_mx("example.org", 10, "gone.example.org");
    resolver_.add_address("example.org", "192.0.2.1");
    expect_failed("example.org", {5, 4, 4}, "no mail server of example.org has an address");
}

TEST_F(RouterTest, FailsForANullMx) {
    resolver_.add_mx("example.org", 0, "");
    resolver_.add_address("example.org", "192.0.2.1");
    expect_failed("example.org", {5, 1, 10}, "null MX");
    EXPECT_EQ(outcome("example.org").reply_code, 0);  // no server spoke
}

TEST_F(RouterTest, IgnoresARootBesideRealHosts) {
    resolver_.add_mx("example.org", 0, "");
    add_host("example.org", 10, "mx.example.org", "192.0.2.1");
    EXPECT_THAT(names(route("example.org")), ElementsAre("mx.example.org"));
}

TEST_F(RouterTest, FailsForADomainThatDoesNotExist) {
    expect_failed("gone.example", {5, 1, 2}, "gone.example does not exist");
    EXPECT_THAT(resolver_.questions(), ElementsAre("MX gone.example"));
}

TEST_F(RouterTest, FailsForADomainWithNeitherMxNorAddress) {
    resolver_.exists("example.org");
    expect_failed("example.org", {5, 4, 4}, "no mail server of example.org has an address");
}

TEST_F(RouterTest, DefersWhereMxRecordsCantBeLookedUp) {
    resolver_.fail_mx("example.org", "192.0.2.53 answered SERVFAIL");
    expect_deferred("example.org", {4, 4, 3}, "192.0.2.53 answered SERVFAIL");
}

TEST_F(RouterTest, DefersWhereOneOfTheHostsMightHaveAnAddress) {
    resolver_.add_mx("example.org", 10, "gone.example.org");
    resolver_.add_mx("example.org", 20, "slow.example.org");
    resolver_.fail_addresses("slow.example.org", dns::Family::ipv4, "no reply");
    expect_deferred("example.org", {4, 4, 3}, "slow.example.org can't be looked up now: no reply");
}

TEST_F(RouterTest, GoesOnWithTheHostsThatCanBeLookedUp) {
    resolver_.add_mx("example.org", 10, "slow.example.org");
    resolver_.fail_addresses("slow.example.org", dns::Family::ipv4, "no reply");
    add_host("example.org", 20, "mx.example.org", "192.0.2.1");
    const Route found = route("example.org");
    EXPECT_THAT(names(found), ElementsAre("mx.example.org"));
    // Or whoever asks takes the other one's refusal for the last word.
    EXPECT_EQ(found.problem, "slow.example.org can't be looked up now: no reply");
}

TEST_F(RouterTest, KeepsAHostWhoseIpv6LookUpFails) {
    add_host("example.org", 10, "mx.example.org", "192.0.2.1");
    resolver_.fail_addresses("mx.example.org", dns::Family::ipv6, "no reply");
    const Route found = route("example.org");
    EXPECT_THAT(addresses(found.hosts[0]), ElementsAre("192.0.2.1"));
    EXPECT_EQ(found.problem, "");
}

TEST_F(RouterTest, DoesNotFallBackToIpv6WhereIpv4IsOnlyUnknown) {
    add_host("example.org", 10, "mx.example.org", "2001:db8::1");
    resolver_.fail_addresses("mx.example.org", dns::Family::ipv4, "no reply");
    expect_deferred("example.org", {4, 4, 3}, "no reply");
    settings_.family = AddressFamily::prefer_ipv4;
    const Route found = route("example.org");
    EXPECT_THAT(addresses(found.hosts[0]), ElementsAre("2001:db8::1"));
    EXPECT_THAT(found.problem, HasSubstr("no reply"));
}

TEST_F(RouterTest, PutsAddressesInTheOrderOfTheSetting) {
    add_host("example.org", 10, "mx.example.org", "192.0.2.1");
    resolver_.add_address("mx.example.org", "2001:db8::1");
    const auto with = [this](AddressFamily family) {
        settings_.family = family;
        return addresses(route("example.org").hosts[0]);
    };
    EXPECT_THAT(with(AddressFamily::automatic), ElementsAre("192.0.2.1", "2001:db8::1"));
    EXPECT_THAT(with(AddressFamily::prefer_ipv4), ElementsAre("192.0.2.1", "2001:db8::1"));
    EXPECT_THAT(with(AddressFamily::prefer_ipv6), ElementsAre("2001:db8::1", "192.0.2.1"));
    EXPECT_THAT(with(AddressFamily::ipv4), ElementsAre("192.0.2.1"));
    EXPECT_THAT(with(AddressFamily::ipv6), ElementsAre("2001:db8::1"));
}

/// With the check of the source address: from 192.0.2.25 and 2001:db8::25, where there is a way.
class RouterFamilyTest : public RouterTest {
protected:
    RouterFamilyTest() {
        settings_.source_check = &check_;
        add_host("example.org", 10, "mx.example.org", "192.0.2.1");
        resolver_.add_address("mx.example.org", "2001:db8::1");
    }
    void confirm_ipv6() {
        resolver_.add_ptr("2001:db8::25", "us.example");
        resolver_.add_address("us.example", "2001:db8::25");
    }
    std::vector<std::string> found() { return addresses(route("example.org").hosts[0]); }

    std::optional<asio::ip::address> ipv4_ = make_address("192.0.2.25");
    std::optional<asio::ip::address> ipv6_ = make_address("2001:db8::25");
    test::ManualClock clock_;
    ReverseNames names_{resolver_, clock_};
    SourceCheck check_{
        [this](const asio::ip::address& to) { return to.is_v4() ? ipv4_ : ipv6_; }, names_};
};

TEST_F(RouterFamilyTest, LeavesIpv6OutWhereTheSourceHasNoName) {
    EXPECT_THAT(found(), ElementsAre("192.0.2.1"));
    resolver_.fail_ptr("2001:db8::25", "no reply");
    EXPECT_THAT(found(), ElementsAre("192.0.2.1"));
}

TEST_F(RouterFamilyTest, PutsIpv6BehindIpv4WhereTheSourceHasAName) {
    confirm_ipv6();
    EXPECT_THAT(found(), ElementsAre("192.0.2.1", "2001:db8::1"));
}

TEST_F(RouterFamilyTest, TakesIpv6WhereThereIsNoWayOverIpv4) {
    ipv4_.reset();
    EXPECT_THAT(found(), ElementsAre("192.0.2.1", "2001:db8::1"));
}

TEST_F(RouterFamilyTest, AsksForNoNameWhereThereIsNoWayOverIpv6) {
    confirm_ipv6();
    ipv6_.reset();
    EXPECT_THAT(found(), ElementsAre("192.0.2.1"));
    EXPECT_THAT(resolver_.questions(), testing::Not(testing::Contains("PTR 2001:db8::25")));
}

TEST_F(RouterFamilyTest, AlwaysReachesAHostWithOnlyIpv6) {
    add_host("six.example", 10, "mx.six.example", "2001:db8::6");
    EXPECT_THAT(addresses(route("six.example").hosts[0]), ElementsAre("2001:db8::6"));
    resolver_.add_address("mx.six.example", "127.0.0.1");  // no IPv4 address to be used
    EXPECT_THAT(addresses(route("six.example").hosts[0]), ElementsAre("2001:db8::6"));
}

TEST_F(RouterFamilyTest, TakesIpv6WhereIpv4IsUnknownOnlyFromASourceWithAName) {
    add_host("slow.example", 10, "mx.slow.example", "2001:db8::7");
    resolver_.fail_addresses("mx.slow.example", dns::Family::ipv4, "no reply");
    expect_deferred("slow.example", {4, 4, 3}, "no reply");
    confirm_ipv6();
    clock_.advance(std::chrono::hours(1));
    run("slow.example");  // still with what was known; the next one has it anew
    EXPECT_THAT(addresses(route("slow.example").hosts[0]), ElementsAre("2001:db8::7"));
}

TEST_F(RouterFamilyTest, FindsLoopsOverAddressesThatItLeavesOut) {
    own_ = {make_address("2001:db8::1")};
    expect_failed("example.org", {5, 4, 6}, "loops back to this host");
}

TEST_F(RouterFamilyTest, ChecksNothingForTheOtherSettings) {
    for (const AddressFamily family :
         {AddressFamily::ipv4,
          AddressFamily::ipv6,
          AddressFamily::prefer_ipv4,
          AddressFamily::prefer_ipv6}) {
        settings_.family = family;
        found();
    }
    EXPECT_THAT(resolver_.questions(), testing::Not(testing::Contains("PTR 2001:db8::25")));
    settings_.family = AddressFamily::prefer_ipv6;
    EXPECT_THAT(found(), ElementsAre("2001:db8::1", "192.0.2.1"));
}

TEST_F(RouterTest, ReachesADomainWithOnlyIpv6ByDefaultButNotWhereForbidden) {
    add_host("example.org", 10, "mx.example.org", "2001:db8::1");
    EXPECT_THAT(addresses(route("example.org").hosts[0]), ElementsAre("2001:db8::1"));
    settings_.family = AddressFamily::ipv4;
    expect_failed("example.org", {5, 4, 4}, "only IPv4 is allowed here");
}

TEST_F(RouterTest, KeepsOnlyHostsBetterThanThisOne) {
    add_host("example.org", 5, "best.example.org", "192.0.2.1");
    add_host("example.org", 10, "us.example.org", "192.0.2.99");
    add_host("example.org", 10, "equal.example.org", "192.0.2.2");
    add_host("example.org", 20, "worse.example.org", "192.0.2.3");
    own_ = {make_address("192.0.2.99")};
    EXPECT_THAT(names(route("example.org")), ElementsAre("best.example.org"));
}

TEST_F(RouterTest, FailsWhereThisHostIsTheBest) {
    add_host("example.org", 10, "us.example.org", "2001:db8::99");
    add_host("example.org", 20, "worse.example.org", "192.0.2.3");
    own_ = {make_address("2001:db8::99")};
    expect_failed("example.org", {5, 4, 6}, "mail for example.org loops back to this host");
}

TEST_F(RouterTest, KnowsItselfByNameWithoutAnyAddress) {
    settings_.own_names = {"us.example.org"};
    add_host("example.org", 5, "best.example.org", "192.0.2.1");
    resolver_.add_mx("example.org", 10, "us.example.org");
    add_host("example.org", 20, "worse.example.org", "192.0.2.3");
    EXPECT_THAT(names(route("example.org")), ElementsAre("best.example.org"));
    resolver_.add_mx("example.net", 10, "us.example.org");
    expect_failed("example.net", {5, 4, 6}, "loops back to this host");
}

TEST_F(RouterTest, FindsALoopThroughAnIpv4MappedAddress) {
    add_host("example.org", 10, "us.example.org", "::ffff:192.0.2.99");
    own_ = {make_address("192.0.2.99")};
    expect_failed("example.org", {5, 4, 6}, "loops back to this host");
}

TEST_F(RouterTest, FindsALoopOfTheImplicitMx) {
    resolver_.add_address("example.org", "192.0.2.99");
    own_ = {make_address("192.0.2.99")};
    expect_failed("example.org", {5, 4, 6}, "loops back to this host");
}

TEST_F(RouterTest, RefusesHostsAtAddressesWhereNobodyElseCanBe) {
    for (const char* address :
         {"127.0.0.1",
          "0.0.0.0",
          "0.1.2.3",
          "224.0.0.5",
          "255.255.255.255",
          "::1",
          "::",
          "ff02::1",
          "::ffff:127.0.0.1"}) {
        resolver_ = test::FakeResolver();
        add_host("example.org", 10, "mx.example.org", address);
        expect_failed("example.org", {5, 4, 6}, "mx.example.org has the address");
    }
    EXPECT_THAT(outcome("example.org").text, HasSubstr("127.0.0.1, a loopback address"));
}

TEST_F(RouterTest, GoesOnWithTheOtherHostsAfterALoopbackOne) {
    add_host("example.org", 10, "localhost", "127.0.0.1");
    add_host("example.org", 20, "mx.example.org", "192.0.2.1");
    resolver_.add_address("mx.example.org", "127.0.0.2");
    const Route found = route("example.org");
    EXPECT_THAT(names(found), ElementsAre("mx.example.org"));
    EXPECT_THAT(addresses(found.hosts[0]), ElementsAre("192.0.2.1"));
}

TEST_F(RouterTest, AllowsPrivateAddresses) {
    add_host("intern.example", 10, "mx.intern.example", "192.168.1.2");
    EXPECT_THAT(addresses(route("intern.example").hosts[0]), ElementsAre("192.168.1.2"));
}

TEST_F(RouterTest, SendsToAddressLiteralsWithoutAsking) {
    const Route found = route("[192.0.2.1]");
    EXPECT_THAT(names(found), ElementsAre("[192.0.2.1]"));
    EXPECT_THAT(addresses(found.hosts[0]), ElementsAre("192.0.2.1"));
    EXPECT_EQ(found.site, "[192.0.2.1]");
    EXPECT_EQ(route("[IPv6:2001:DB8::1]").site, "[IPv6:2001:db8::1]");
    EXPECT_TRUE(resolver_.questions().empty());
}

TEST_F(RouterTest, RefusesBadLiteralsAndLiteralsOfThisHost) {
    own_ = {make_address("192.0.2.99")};
    expect_failed("[192.0.2.99]", {5, 4, 6}, "loops back to this host");
    expect_failed("[IPv6:::ffff:192.0.2.99]", {5, 4, 6}, "loops back to this host");
    expect_failed("[127.0.0.1]", {5, 4, 6}, "a loopback address");
    expect_failed("[IPv6:::ffff:127.0.0.1]", {5, 4, 6}, "a loopback address");
    expect_failed("[IPv6:::]", {5, 4, 6}, "an unspecified address");
    expect_failed("[300.0.2.1]", {5, 1, 2}, "not an address literal");
    settings_.family = AddressFamily::ipv6;
    expect_failed("[192.0.2.1]", {5, 4, 4}, "only IPv6 is allowed here");
}

TEST_F(RouterTest, KnowsTheLiteralsOfThisHost) {
    own_ = {make_address("192.0.2.99"), make_address("2001:db8::99")};
    for (const char* const domain :
         {"[192.0.2.99]",
          "[IPv6:2001:DB8::99]",
          "[ipv6:::ffff:192.0.2.99]",
          "[127.0.0.1]",
          "[127.1.2.3]",
          "[IPv6:::1]"}) {
        EXPECT_TRUE(is_own_literal(domain)) << domain;
    }
    for (const char* const domain :
         {"[192.0.2.98]", "[IPv6:2001:db8::98]", "[0.0.0.0]", "192.0.2.99", "[]", "a.test", ""}) {
        EXPECT_FALSE(is_own_literal(domain)) << domain;
    }
}

TEST_F(RouterTest, AsksForALabels) {
    add_host("xn--bcher-kva.example", 10, "mx.example.org", "192.0.2.1");
    EXPECT_EQ(
        route("B\xc3\xbc"
              "cher.example")
            .domain,
        "xn--bcher-kva.example"
    );
}

TEST_F(RouterTest, FailsForWhatCantBeADomain) {
    expect_failed("\xe2\x84\x80.example", {5, 1, 2}, "is not a domain name");
    expect_failed("a..b", {5, 1, 2}, "is not a domain name");
    EXPECT_TRUE(resolver_.questions().empty());
}

TEST_F(RouterTest, LooksUpNoMoreThanTenHosts) {
    for (std::uint16_t i = 1; i <= 60; ++i) {
        add_host("example.org", i, "mx" + std::to_string(i) + ".example.org", "192.0.2.1");
    }
    EXPECT_EQ(route("example.org").hosts.size(), 10U);
    EXPECT_EQ(resolver_.questions().size(), 21U);
}

TEST_F(RouterTest, GivesADomainWithTooManyHostsASiteOfItsOwn) {
    for (std::uint16_t i = 1; i <= 100; ++i) {
        const std::string name = std::string(60, 'x') + std::to_string(i) + ".example.org";
        add_host("example.org", i, name, "192.0.2.1");
        resolver_.add_mx("other.example", i, name);
    }
    EXPECT_EQ(route("example.org").site, "@example.org");
    EXPECT_EQ(route("other.example").site, "@other.example");
}

// The digits are asked for as the host's name, which they aren't.
TEST_F(RouterTest, TakesAnAddressInPlaceOfAnMxHostForAHostWithoutAddress) {
    resolver_.add_mx("example.org", 10, "192.0.2.1");
    expect_failed("example.org", {5, 4, 4}, "no mail server of example.org has an address");
    EXPECT_THAT(resolver_.questions(), testing::Contains(HasSubstr("192.0.2.1")));
}

TEST_F(RouterTest, FailsForADomainThatNamesLocalhost) {
    add_host("example.org", 0, "localhost", "127.0.0.1");
    expect_failed("example.org", {5, 4, 6}, "localhost has the address 127.0.0.1, a loopback");
    resolver_ = test::FakeResolver();
    resolver_.add_mx("example.org", 0, "localhost");  // a resolver that doesn't know it
    expect_failed("example.org", {5, 4, 4}, "no mail server of example.org has an address");
}

TEST_F(RouterTest, DefersWhereHostsAreLeftThatWereNotLookedUp) {
    for (std::uint16_t i = 1; i <= 11; ++i) {
        resolver_.add_mx("example.org", i, "mx" + std::to_string(i) + ".example.org");
    }
    expect_deferred("example.org", {4, 4, 4}, "have no address");
}

TEST_F(RouterTest, KeepsNoMoreThanAHundredAddresses) {
    for (int host = 1; host <= 3; ++host) {
        const std::string name = "mx" + std::to_string(host) + ".example.org";
        resolver_.add_mx("example.org", static_cast<std::uint16_t>(host), name);
        for (int i = 1; i <= 60; ++i) {
            resolver_.add_address(name, "192.0." + std::to_string(host) + "." + std::to_string(i));
        }
    }
    const Route found = route("example.org");
    ASSERT_EQ(found.hosts.size(), 2U);
    EXPECT_EQ(found.hosts[0].addresses.size(), 60U);
    EXPECT_EQ(found.hosts[1].addresses.size(), 40U);
}

TEST_F(RouterTest, CountsANameWithSeveralMxRecordsOnceAtItsBest) {
    add_host("example.org", 20, "mx.example.org", "192.0.2.1");
    resolver_.add_mx("example.org", 10, "mx.example.org");
    const Route found = route("example.org");
    ASSERT_EQ(found.hosts.size(), 1U);
    EXPECT_EQ(found.hosts[0].preference, 10);
}

TEST_F(RouterTest, CarriesWhetherDnssecCoversIt) {
    add_host("example.org", 10, "mx.example.org", "192.0.2.1");
    EXPECT_FALSE(route("example.org").is_secure);
    resolver_.set_secure(true);
    const Route found = route("example.org");
    EXPECT_TRUE(found.is_secure);
    EXPECT_TRUE(found.hosts[0].is_secure);
    resolver_.set_insecure("mx.example.org");
    EXPECT_TRUE(route("example.org").is_secure);
    EXPECT_FALSE(route("example.org").hosts[0].is_secure);
}

// Or who makes one look-up fail could turn DANE off.
TEST_F(RouterTest, TakesAFailedLookUpForNoSignOfInsecurity) {
    add_host("example.org", 10, "mx.example.org", "192.0.2.1");
    resolver_.fail_addresses("mx.example.org", dns::Family::ipv6, "SERVFAIL");
    resolver_.set_secure(true);
    EXPECT_TRUE(route("example.org").hosts[0].is_secure);
}

TEST_F(RouterTest, CarriesTheNamesBehindAliases) {
    resolver_.add_cname("example.org", "real.example.net");
    resolver_.add_cname("mx.example.org", "server.example.net");
    resolver_.add_mx("real.example.net", 10, "mx.example.org");
    resolver_.add_address("server.example.net", "192.0.2.1");
    const Route found = route("example.org");
    EXPECT_EQ(found.domain, "example.org");
    EXPECT_EQ(found.canonical_domain, "real.example.net");
    ASSERT_EQ(found.hosts.size(), 1U);
    EXPECT_EQ(found.hosts[0].name, "mx.example.org");
    EXPECT_EQ(found.hosts[0].canonical_name, "server.example.net");
}

TEST_F(RouterTest, BoundsWhatItSays) {
    resolver_.fail_mx("example.org", std::string(5000, 'x') + "\n");
    EXPECT_LE(outcome("example.org").text.size(), mail::kMaxOutcomeText);
}

/// Knows the MX and never answers for its addresses.
class SilentResolver final : public dns::Resolver {
public:
    asio::awaitable<dns::Answer<dns::MxRecord>> mx(std::string) override {
        dns::Answer<dns::MxRecord> answer(dns::LookupStatus::ok);
        answer.records.emplace_back(std::uint16_t{10}, "mx.example.org");
        co_return answer;
    }
    asio::awaitable<dns::Answer<asio::ip::address>> addresses(std::string, dns::Family) override {
        asio::steady_timer timer(
            co_await asio::this_coro::executor, asio::steady_timer::time_point::max()
        );
        co_await timer.async_wait(asio::use_awaitable);
        co_return dns::Answer<asio::ip::address>(dns::LookupStatus::ok);
    }
    asio::awaitable<dns::Answer<std::string>> ptr(asio::ip::address) override {
        co_return dns::Answer<std::string>();
    }
    asio::awaitable<dns::Answer<dns::TxtRecord>> txt(std::string) override {
        co_return dns::Answer<dns::TxtRecord>();
    }
    asio::awaitable<dns::Answer<dns::TlsaRecord>> tlsa(std::string) override {
        co_return dns::Answer<dns::TlsaRecord>();
    }
    asio::awaitable<dns::Answer<std::string>> cname(std::string) override {
        co_return dns::Answer<std::string>();
    }
};

TEST(RouterCancellation, LetsTheOneWhoWaitsGoWhileAddressesAreLookedUp) {
    SilentResolver resolver;
    ScriptedRandom random;
    Router router(resolver, random, {}, [](const asio::ip::address&) { return false; });
    asio::io_context context;
    asio::cancellation_signal signal;
    bool is_over = false;
    asio::co_spawn(
        context,
        router.route("example.org"),
        asio::bind_cancellation_slot(
            signal.slot(),
            [&](std::exception_ptr failure, const RouteResult&) {
                EXPECT_TRUE(failure);
                is_over = true;
            }
        )
    );
    context.poll();
    EXPECT_FALSE(is_over);
    signal.emit(asio::cancellation_type::terminal);
    context.poll();
    EXPECT_TRUE(is_over);
    // The look-ups are still there when the event loop goes.
}

}  // namespace
}  // namespace mxpost::route
