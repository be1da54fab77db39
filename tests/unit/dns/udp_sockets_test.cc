#include "dns/udp_sockets.h"

#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace mxpost::dns {
namespace {

using boost::asio::ip::udp;

class UdpSocketsTest : public ::testing::Test {
protected:
    udp::endpoint server(int last) const {
        return {boost::asio::ip::make_address("127.0.0." + std::to_string(last)), 53};
    }
    UdpSockets::Lease take(int last = 1, bool is_fresh = false) {
        auto lease = sockets_.take(server(last), is_fresh);
        EXPECT_TRUE(lease);
        return std::move(*lease);
    }
    static unsigned port(const UdpSockets::Lease& lease) {
        return lease.socket->local_endpoint().port();
    }

    boost::asio::io_context io_;
    UdpSockets sockets_{io_.get_executor()};
};

TEST_F(UdpSocketsTest, ServesOneQuestionAtATime) {
    const auto first = take();
    const auto second = take();
    EXPECT_NE(port(first), port(second));
    EXPECT_EQ(first.socket->remote_endpoint(), server(1));
    EXPECT_FALSE(first.is_used());
}

TEST_F(UdpSocketsTest, ServesAgainButOnlyForTheSameServer) {
    auto lease = take();
    const unsigned used = port(lease);
    sockets_.put(std::move(lease));
    EXPECT_NE(port(take(2)), used);
    auto again = take();
    EXPECT_EQ(port(again), used);
    EXPECT_TRUE(again.is_used());
    sockets_.put(std::move(again));
    const auto fresh = take(1, true);
    EXPECT_NE(port(fresh), used);
    EXPECT_FALSE(fresh.is_used());
}

TEST_F(UdpSocketsTest, ServesForAFewQuestionsOnly) {
    std::set<unsigned> ports;
    for (int i = 0; i < 160; ++i) {
        auto lease = take();
        ports.insert(port(lease));
        sockets_.put(std::move(lease));
    }
    EXPECT_GE(ports.size(), 9U);  // the kernel may pick a port twice
    EXPECT_LE(ports.size(), 10U);
}

TEST_F(UdpSocketsTest, ServesForAMomentOnly) {
    auto lease = take();
    lease.opened -= std::chrono::seconds(2);
    sockets_.put(std::move(lease));
    EXPECT_FALSE(take().is_used());
}

TEST_F(UdpSocketsTest, KeepsFewOpen) {
    std::vector<UdpSockets::Lease> leases;
    for (int i = 0; i < 40; ++i) {
        leases.push_back(take());
    }
    for (auto& lease : leases) {
        sockets_.put(std::move(lease));
    }
    int used = 0;
    for (auto& lease : leases) {
        lease = take();
        used += lease.is_used() ? 1 : 0;
    }
    EXPECT_EQ(used, 16);
}

TEST_F(UdpSocketsTest, KeepsTheLastOneWhenNothingIsUnderWay) {
    sockets_.keep_one();
    auto first = take();
    auto second = take();
    const unsigned kept = port(second);
    sockets_.put(std::move(first));
    sockets_.put(std::move(second));
    sockets_.keep_one();
    const auto again = take();
    EXPECT_EQ(port(again), kept);
    EXPECT_TRUE(again.is_used());
    EXPECT_FALSE(take().is_used());
}

TEST_F(UdpSocketsTest, ClearsItself) {
    sockets_.put(take());
    sockets_.clear();
    EXPECT_FALSE(take().is_used());
}

}  // namespace
}  // namespace mxpost::dns
