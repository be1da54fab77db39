#include "dns/resolv_conf.h"

#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <net/if.h>
#include <unistd.h>

namespace mxpost::dns {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

std::vector<std::string> servers_of(const ResolvConf& conf) {
    std::vector<std::string> servers;
    for (const auto& server : conf.servers) {
        EXPECT_EQ(server.port(), 53);
        servers.push_back(server.address().to_string());
    }
    return servers;
}

class ManualClock final : public Clock {
public:
    WallTime now() const override { return {}; }
    SteadyTime steady_now() const override { return steady; }
    SteadyTime steady{std::chrono::hours(10)};
};

TEST(ResolvConf, ReadsServersAndOptionsAndLeavesSearchListsAlone) {
    const ResolvConf conf = parse_resolv_conf(
        "# made by a program\n"
        "search corp.example example.org\n"
        "domain corp.example\n"
        "nameserver 192.0.2.53\n"
        "\tnameserver\t2001:db8::53   # second\r\n"
        "options timeout:2 attempts:3 rotate trust-ad edns0 ndots:5\n"
    );
    EXPECT_THAT(servers_of(conf), ElementsAre("192.0.2.53", "2001:db8::53"));
    EXPECT_EQ(conf.timeout, milliseconds(2000));
    EXPECT_EQ(conf.attempts, 3);
    EXPECT_TRUE(conf.is_rotating);
    EXPECT_TRUE(conf.trusts_ad);
    EXPECT_FALSE(conf.is_tcp_only);
}

TEST(ResolvConf, ReadsScopesByNumberAndByName) {
    const ResolvConf conf = parse_resolv_conf("nameserver fe80::1%7\nnameserver fe80::2%lo\n");
    ASSERT_EQ(conf.servers.size(), 2U);
    EXPECT_EQ(conf.servers[0].address().to_v6().scope_id(), 7U);
    EXPECT_EQ(conf.servers[1].address().to_v6().scope_id(), ::if_nametoindex("lo"));
}

TEST(ResolvConf, SkipsServersThatCantBeRead) {
    const ResolvConf conf = parse_resolv_conf(
        "nameserver dns.example.org\nnameserver fe80::1%nosuchif0\nnameserver 192.0.2.1%1\n"
        "nameserver\nnameserver 192.0.2.256\nnameserver 192.0.2.2"
    );
    EXPECT_THAT(servers_of(conf), ElementsAre("192.0.2.2"));
}

TEST(ResolvConf, FallsBackToTheLocalServerAndToLibcsLimits) {
    const ResolvConf conf =
        parse_resolv_conf("; nothing\noptions timeout:900 attempts:0 timeout:x attempts:-1\n");
    EXPECT_THAT(servers_of(conf), ElementsAre("127.0.0.1"));
    EXPECT_EQ(conf.timeout, milliseconds(30000));
    EXPECT_EQ(conf.attempts, 1);
}

TEST(ResolvConf, TakesEightServersAtMost) {
    std::string text;
    for (int i = 1; i <= 20; ++i) {
        text += "nameserver 192.0.2." + std::to_string(i) + "\n";
    }
    EXPECT_EQ(parse_resolv_conf(text).servers.size(), 8U);
}

TEST(ResolvConf, TakesAMissingFileForAnEmptyOne) {
    EXPECT_THAT(servers_of(load_resolv_conf("/nonexistent/resolv.conf")), ElementsAre("127.0.0.1"));
}

TEST(ResolvConfFile, ReadsTheFileAgainAfterItChangedButLooksOnlyEveryTwoSeconds) {
    char path[] = "/tmp/mxpost-resolv-XXXXXX";
    const int file = ::mkstemp(path);
    ASSERT_GE(file, 0);
    ::close(file);
    std::ofstream(path) << "nameserver 192.0.2.1\n";
    ManualClock clock;
    ResolvConfFile conf(path, clock);
    EXPECT_THAT(servers_of(conf.current()), ElementsAre("192.0.2.1"));
    std::ofstream(path) << "nameserver 192.0.2.1\nnameserver 192.0.2.2\n";
    clock.steady += std::chrono::milliseconds(1900);
    EXPECT_THAT(servers_of(conf.current()), ElementsAre("192.0.2.1"));
    clock.steady += std::chrono::milliseconds(200);
    EXPECT_THAT(servers_of(conf.current()), ElementsAre("192.0.2.1", "192.0.2.2"));
    ::unlink(path);
    clock.steady += std::chrono::seconds(3);
    EXPECT_THAT(servers_of(conf.current()), ElementsAre("127.0.0.1"));
}

}  // namespace
}  // namespace mxpost::dns
