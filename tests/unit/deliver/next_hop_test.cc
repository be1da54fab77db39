#include "deliver/next_hop.h"

#include <gtest/gtest.h>

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

TEST(GroupsOfEqualPreference, HasNoneOfNothing) {
    EXPECT_EQ(texts({}), Groups{});
}

}  // namespace
}  // namespace mxpost::deliver
