#include "base/secret.h"

#include <utility>

#include <gtest/gtest.h>

namespace mxpost {
namespace {

TEST(Secret, MovesAndKeepsItsText) {
    Secret first("tanstaaf");
    Secret second = std::move(first);
    EXPECT_EQ(second.view(), "tanstaaf");
    EXPECT_EQ(first.view(), "");  // NOLINT(bugprone-use-after-move): that is the question
    first = std::move(second);
    EXPECT_EQ(first.view(), "tanstaaf");
    EXPECT_EQ(Secret("").view(), "");
}

TEST(Secret, WipeLeavesNothingInTheRoomOfAString) {
    std::string text = "a password that is too long to stand in the object";
    const char* const at = text.data();
    const std::size_t size = text.size();
    wipe(text);
    EXPECT_TRUE(text.empty());
    ASSERT_EQ(text.data(), at);
    EXPECT_EQ(std::string(at, size), std::string(size, '\0'));
}

}  // namespace
}  // namespace mxpost
