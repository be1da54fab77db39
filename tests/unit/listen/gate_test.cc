#include "listen/gate.h"

#include <gtest/gtest.h>

namespace mxpost::listen {
namespace {

using Verdict = Gate::Verdict;
using std::chrono::seconds;

const SteadyTime kNow = SteadyTime(std::chrono::hours(1));

config::IpAddress ip(const char* text) {
    return config::IpAddress::parse(text).value();
}

TEST(MayRelay, IsForThisHostOnlyUnlessNetworksAreNamed) {
    for (const char* text : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
        EXPECT_TRUE(may_relay(ip(text), {})) << text;
    }
    for (const char* text :
         {"192.0.2.1", "10.0.0.1", "::", "0.0.0.0", "fe80::1", "::ffff:192.0.2.1", "2001:db8::1"}) {
        EXPECT_FALSE(may_relay(ip(text), {})) << text;
    }
}

TEST(MayRelay, IsForTheNamedNetworksToo) {
    const auto networks = config::parse_networks("10.0.0.0/8, 2001:db8::/64").value();
    for (const char* text : {"10.1.2.3", "::ffff:10.1.2.3", "2001:db8::5", "127.0.0.1"}) {
        EXPECT_TRUE(may_relay(ip(text), networks)) << text;
    }
    for (const char* text : {"11.0.0.1", "2001:db8:0:1::5", "::10.1.2.3"}) {
        EXPECT_FALSE(may_relay(ip(text), networks)) << text;
    }
}

TEST(ClientKey, TakesAnIpv6NetworkForOneClient) {
    EXPECT_EQ(client_key(ip("2001:db8::1")), client_key(ip("2001:db8::ffff:2")));
    EXPECT_NE(client_key(ip("2001:db8::1")), client_key(ip("2001:db8:0:1::1")));
    EXPECT_NE(client_key(ip("10.0.0.1")), client_key(ip("10.0.0.2")));
    EXPECT_EQ(client_key(ip("10.0.0.1")), client_key(ip("::ffff:10.0.0.1")));
    EXPECT_NE(client_key(ip("::1")), client_key(ip("::2")));
    EXPECT_EQ(client_key(ip("127.0.0.1")), client_key(ip("127.9.9.9")));
    EXPECT_NE(client_key(uid_t{1000}), client_key(uid_t{1001}));
}

TEST(Gate, CountsAllConnectionsAndThoseOfEachClient) {
    Gate gate({3, 2, 0, 0});
    EXPECT_EQ(gate.admit("a", kNow), Verdict::admitted);
    EXPECT_EQ(gate.admit("a", kNow), Verdict::admitted);
    EXPECT_EQ(gate.admit("a", kNow), Verdict::too_many);
    EXPECT_EQ(gate.admit("b", kNow), Verdict::admitted);
    EXPECT_EQ(gate.admit("c", kNow), Verdict::full);
    gate.leave("a");
    EXPECT_EQ(gate.admit("c", kNow), Verdict::admitted);
    EXPECT_EQ(gate.connections(), 3U);
}

TEST(Gate, HasMemoryForSoManyEnvelopes) {
    Gate gate({3, 2, 0, 0});
    EXPECT_TRUE(gate.reserve(Gate::kMostReserved - 10));
    EXPECT_FALSE(gate.reserve(11));
    EXPECT_TRUE(gate.reserve(10));
    gate.release(11);
    EXPECT_TRUE(gate.reserve(11));
}

TEST(Gate, IsCrowdedFromThreeQuartersOn) {
    Gate gate({4, 4, 0, 0});
    (void)gate.admit("a", kNow);
    (void)gate.admit("a", kNow);
    EXPECT_FALSE(gate.is_crowded());
    (void)gate.admit("a", kNow);
    EXPECT_TRUE(gate.is_crowded());
}

TEST(Gate, LimitsConnectionsInAMinute) {
    Gate gate({10, 10, 2, 0});
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(gate.admit("a", kNow), Verdict::admitted);
        gate.leave("a");
    }
    EXPECT_EQ(gate.admit("a", kNow + seconds(59)), Verdict::too_quickly);
    EXPECT_EQ(gate.admit("b", kNow + seconds(59)), Verdict::admitted);
    EXPECT_EQ(gate.admit("a", kNow + seconds(60)), Verdict::admitted);
}

TEST(Gate, LimitsMessagesInAMinute) {
    Gate gate({10, 10, 0, 2});
    ASSERT_EQ(gate.admit("a", kNow), Verdict::admitted);
    EXPECT_TRUE(gate.may_send("a", kNow));
    EXPECT_TRUE(gate.may_send("a", kNow));
    EXPECT_FALSE(gate.may_send("a", kNow));
    gate.leave("a");
    // A new connection is no new minute.
    ASSERT_EQ(gate.admit("a", kNow), Verdict::admitted);
    EXPECT_FALSE(gate.may_send("a", kNow));
    EXPECT_TRUE(gate.may_send("a", kNow + seconds(60)));
}

TEST(Gate, StaysUsableWhateverNumberOfClientsComes) {
    Gate gate({10, 10, 1, 0});
    for (int i = 0; i < 50'000; ++i) {
        const std::string client = std::to_string(i);
        ASSERT_EQ(gate.admit(client, kNow), Verdict::admitted);
        gate.leave(client);
    }
    EXPECT_EQ(gate.connections(), 0U);
}

}  // namespace
}  // namespace mxpost::listen
