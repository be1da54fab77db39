#include "doctor/host_checks.h"

#include "doctor_test.h"

namespace mxpost::doctor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

OwnAddress own(const std::string& local, const std::string& visible) {
    OwnAddress address;
    address.local = ip(local);
    if (!visible.empty()) {
        address.visible = ip(visible);
    }
    return address;
}

class HostChecksTest : public DoctorTest {
protected:
    Findings address(const std::string& text = "192.0.2.1", bool needs_ipv6 = false) {
        return run(check_address(context(), own(text, text), needs_ipv6));
    }
    Findings with_lists() {
        std::vector<boost::asio::ip::address> addresses = {ip("192.0.2.1")};
        return run(check_block_lists(context(), std::move(addresses)));
    }
    void name_everything() {
        resolver.add_ptr("192.0.2.1", "host.example");
        resolver.add_address("host.example", "192.0.2.1");
    }
};

TEST_F(HostChecksTest, AnAddressWithANameIsFine) {
    name_everything();
    const Findings findings = address();
    EXPECT_THAT(blamed(findings), ElementsAre());
    ASSERT_EQ(findings.size(), 2U);
    EXPECT_EQ(findings[0].text, "it is host.example, forwards and back");
}

TEST_F(HostChecksTest, WithoutPtrTheRecordsAreSaid) {
    resolver.add_address("host.example", "192.0.2.9");
    const Findings findings = address();
    EXPECT_THAT(blamed(findings), ElementsAre("ptr problem"));
    EXPECT_THAT(
        remedies(findings),
        ElementsAre(
            "1.2.0.192.in-addr.arpa. 3600 IN PTR host.example.",
            "host.example. 3600 IN A 192.0.2.1",
            HasSubstr("192.0.2.1")
        )
    );
}

TEST_F(HostChecksTest, APtrMustLeadBack) {
    resolver.add_ptr("192.0.2.1", "other.example");
    resolver.add_address("host.example", "192.0.2.1");
    const Findings findings = address();
    EXPECT_THAT(blamed(findings), ElementsAre("ptr problem"));
    EXPECT_THAT(remedies(findings), ElementsAre("other.example. 3600 IN A 192.0.2.1"));
}

TEST_F(HostChecksTest, IPv6WithoutANameMattersWhereItIsUsed) {
    EXPECT_THAT(blamed(address("2001:db8::1")), ElementsAre("ptr warning"));
    EXPECT_THAT(blamed(address("2001:db8::1", true)), ElementsAre("ptr problem"));
}

TEST_F(HostChecksTest, AShortNameIsNoName) {
    full_name = "host";
    resolver.add_ptr("192.0.2.1", "real.example");
    resolver.add_address("real.example", "192.0.2.1");
    const Findings findings = address();
    EXPECT_THAT(blamed(findings), ElementsAre("helo warning"));
    EXPECT_THAT(remedies(findings), ElementsAre("helo-name = real.example"));
}

TEST_F(HostChecksTest, HeloMustBeKnown) {
    settings.helo_name = "unknown.example";
    name_everything();
    const Findings findings = address();
    EXPECT_THAT(blamed(findings), ElementsAre("helo problem"));
    EXPECT_THAT(remedies(findings), ElementsAre("unknown.example. 3600 IN A 192.0.2.1"));
}

TEST_F(HostChecksTest, BehindNatNothingIsKnownUnlessSomeoneTells) {
    const Findings findings = run(check_address(context(), own("10.0.0.5", ""), false));
    EXPECT_THAT(blamed(findings), ElementsAre("address warning"));
    name_everything();
    EXPECT_THAT(
        blamed(run(check_address(context(), own("10.0.0.5", "192.0.2.1"), false))), ElementsAre()
    );
}

TEST_F(HostChecksTest, BlockLists) {
    settings.doctor_block_lists = {"one.test", "two.test"};
    EXPECT_THAT(blamed(with_lists()), ElementsAre());
    resolver.add_address("1.2.0.192.one.test", "127.0.0.2");
    resolver.add_txt("1.2.0.192.one.test", "https://one.test/?192.0.2.1");
    resolver.add_address("1.2.0.192.two.test", "127.255.255.254");
    const Findings findings = with_lists();
    EXPECT_THAT(blamed(findings), ElementsAre("block-list problem"));
    EXPECT_EQ(findings[0].text, "it is on the block list one.test: https://one.test/?192.0.2.1");
    EXPECT_THAT(findings[1].text, HasSubstr("not checked"));
}

TEST_F(HostChecksTest, AListThatDoesNotAnswerIsNotSaidToKnowNothing) {
    settings.doctor_block_lists = {"one.test"};
    resolver.fail_addresses("1.2.0.192.one.test", dns::Family::ipv4, "SERVFAIL");
    const Findings findings = with_lists();
    EXPECT_THAT(blamed(findings), ElementsAre());
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].subject, "one.test");
    EXPECT_THAT(findings[0].text, HasSubstr("not checked"));
}

TEST_F(HostChecksTest, ADeadResolverIsTheOnlyProblem) {
    resolver.fail_txt("arpa", "no answer from 192.0.2.53");
    EXPECT_THAT(blamed(run(check_resolver(context(), "example.com"))), ElementsAre());
    resolver.fail_mx("example.com", "no answer from 192.0.2.53");
    const Findings findings = run(check_resolver(context(), "example.com"));
    EXPECT_THAT(blamed(findings), ElementsAre("resolver problem"));
    EXPECT_THAT(findings[0].text, HasSubstr("no answer from 192.0.2.53"));
}

TEST_F(HostChecksTest, DnssecIsSaidToBeMissing) {
    settings.dane = true;
    settings.trust_anchor = "/nonexistent";
    resolver.add_txt("arpa", "x");
    const Findings unchecked = run(check_resolver(context(), "example.com"));
    EXPECT_THAT(blamed(unchecked), ElementsAre("dnssec warning"));
    EXPECT_THAT(
        remedies(unchecked), ElementsAre("apt-get install dns-root-data", "resolver = validating")
    );
    resolver.set_secure(true);
    EXPECT_THAT(blamed(run(check_resolver(context(), "example.com"))), ElementsAre());
}

Probe probe_of(const std::string& host, const boost::system::error_code& error) {
    Probe probe;
    probe.peer = smtp::Peer(host, ip("203.0.113.1"));
    probe.error = error;
    probe.is_connected = !error;
    return probe;
}

TEST(WayOut, IsBlamedOnlyWhereNobodyCanBeReached) {
    const config::Settings settings;
    const boost::system::error_code silent = boost::asio::error::timed_out;
    const boost::system::error_code refused = boost::asio::error::connection_refused;
    EXPECT_THAT(blamed(judge_way_out({probe_of("a.test", silent)}, settings)), ElementsAre());
    EXPECT_THAT(
        blamed(judge_way_out({probe_of("a.test", silent), probe_of("b.test", {})}, settings)),
        ElementsAre()
    );
    const Findings blocked =
        judge_way_out({probe_of("a.test", silent), probe_of("b.test", silent)}, settings);
    EXPECT_THAT(blamed(blocked), ElementsAre("port-25 problem"));
    EXPECT_THAT(blocked[0].text, HasSubstr("by the provider"));
    EXPECT_TRUE(blames_this_host(blocked));
    const Findings firewall =
        judge_way_out({probe_of("a.test", refused), probe_of("b.test", refused)}, settings);
    EXPECT_THAT(firewall[0].text, HasSubstr("a firewall of this host or its network"));
    const Findings both = judge_way_out(
        {probe_of("a.test", refused), probe_of("b.test", silent), probe_of("c.test", refused)},
        settings
    );
    EXPECT_THAT(both[0].text, Not(HasSubstr("every connection to port 25 is refused")));
    EXPECT_THAT(both[0].text, HasSubstr("some being refused and others not answered"));
    EXPECT_TRUE(blames_this_host(both));
    const boost::system::error_code odd = boost::asio::error::connection_reset;
    EXPECT_THAT(
        judge_way_out({probe_of("a.test", odd), probe_of("b.test", odd)}, settings), ElementsAre()
    );
    Probe lost = probe_of("a.test", boost::asio::error::network_unreachable);
    lost.has_route = false;
    EXPECT_THAT(judge_way_out({lost}, settings)[0].text, HasSubstr("no route"));
}

TEST(JudgeClock, TheNearestServerCounts) {
    Probe right = probe_of("a.test", {});
    Probe wrong = probe_of("b.test", {});
    EXPECT_THAT(judge_clock({right}), ElementsAre());
    wrong.clock_ahead = std::chrono::hours(-2);
    const Findings findings = judge_clock({right, wrong});
    EXPECT_THAT(blamed(findings), ElementsAre("clock problem"));
    EXPECT_THAT(findings[0].text, HasSubstr("120 minutes ahead of that of b.test"));
    right.clock_ahead = std::chrono::seconds(3);
    EXPECT_THAT(blamed(judge_clock({right, wrong})), ElementsAre());
}

}  // namespace
}  // namespace mxpost::doctor
