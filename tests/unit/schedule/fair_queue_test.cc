#include "schedule/fair_queue.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mxpost::schedule {
namespace {

std::string drain(FairQueue<std::string>& queue) {
    std::string order;
    while (auto item = queue.pop()) {
        order += (order.empty() ? "" : " ") + *item;
    }
    return order;
}

TEST(FairQueue, GivesOneOfEachSenderInTurn) {
    FairQueue<std::string> queue;
    for (const char* item : {"a1", "a2", "a3"}) {
        queue.push({1000, item}, item);
    }
    queue.push({1001, "b1"}, "b1");
    queue.push({1002, "c1"}, "c1");
    queue.push({1002, "c2"}, "c2");
    EXPECT_EQ(queue.size(), 6U);
    EXPECT_EQ(drain(queue), "a1 b1 c1 a2 c2 a3");
    EXPECT_TRUE(queue.is_empty());
}

TEST(FairQueue, OneMessagesFloodDoesNotStarveItsSendersOthers) {
    FairQueue<std::string> queue;
    for (const char* item : {"l1", "l2", "l3", "l4"}) {
        queue.push({1000, "list"}, item);
    }
    queue.push({1000, "note"}, "n");
    EXPECT_EQ(drain(queue), "l1 n l2 l3 l4");
}

TEST(FairQueue, WhatIsTakenOutIsNeverGivenAndTurnsGoOn) {
    FairQueue<std::string> queue;
    for (const char* item : {"a1", "a2", "a3"}) {
        queue.push({1000, item}, item);
    }
    queue.push({1001, "b1"}, "b1");
    queue.push({1002, "list"}, "c1");
    queue.push({1002, "list"}, "c2");
    const auto taken = queue.take_if([](const std::string& item) {
        return item == "a2" || item == "b1" || item == "c1";
    });
    EXPECT_THAT(taken, testing::UnorderedElementsAre("a2", "b1", "c1"));
    EXPECT_EQ(queue.size(), 3U);
    queue.push({1001, "b2"}, "b2");
    EXPECT_EQ(drain(queue), "a1 c2 b2 a3");
    EXPECT_TRUE(queue.is_empty());
    EXPECT_TRUE(queue.take_if([](const std::string&) { return true; }).empty());
}

TEST(FairQueue, WhoComesLateWaitsForNoMoreThanOneOfEachOther) {
    FairQueue<std::string> queue;
    for (int i = 0; i < 1000; ++i) {
        queue.push({1000, std::to_string(i)}, "flood");
    }
    EXPECT_EQ(queue.pop(), "flood");
    queue.push({1001, "x"}, "late");
    EXPECT_EQ(queue.pop(), "flood");
    EXPECT_EQ(queue.pop(), "late");
}

TEST(FairQueue, WhatComesBackIsTheNextOfItsSender) {
    FairQueue<std::string> queue;
    queue.push({1000, "a"}, "a");
    queue.push({1000, "b"}, "b");
    queue.push({1001, "c"}, "c");
    const auto taken = queue.pop();
    ASSERT_EQ(taken, "a");
    queue.push_front({1000, "a"}, *taken);
    EXPECT_EQ(drain(queue), "c a b");
}

TEST(FairQueue, AnEmptyOneGivesNothing) {
    FairQueue<std::string> queue;
    EXPECT_EQ(queue.pop(), std::nullopt);
    queue.push_front({1, "m"}, "x");
    EXPECT_EQ(queue.pop(), "x");
    EXPECT_EQ(queue.pop(), std::nullopt);
}

}  // namespace
}  // namespace mxpost::schedule
