#include "base/base32.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace mxpost {
namespace {

TEST(Base32, TextSortsAsTheNumbersDo) {
    const std::vector<std::uint64_t> numbers{
        0, 1, 9, 10, 31, 32, 1023, 1024, 1704110400, (std::uint64_t{1} << 35) - 1};
    std::vector<std::string> texts;
    for (const std::uint64_t number : numbers) {
        texts.push_back(to_base32(number, 7));
    }
    EXPECT_TRUE(std::is_sorted(texts.begin(), texts.end()));
    EXPECT_EQ(std::adjacent_find(texts.begin(), texts.end()), texts.end());
}

TEST(Base32, RoundTrips) {
    EXPECT_EQ(to_base32(0, 3), "000");
    EXPECT_EQ(to_base32(32, 3), "010");
    EXPECT_EQ(to_base32(UINT64_MAX, 13), "fzzzzzzzzzzzz");
    EXPECT_EQ(from_base32("fzzzzzzzzzzzz"), UINT64_MAX);
    EXPECT_EQ(from_base32("010"), 32U);
}

TEST(Base32, RefusesWhatIsNoNumber) {
    EXPECT_EQ(from_base32(""), std::nullopt);
    EXPECT_EQ(from_base32("A"), std::nullopt);
    for (const char* text : {"i", "l", "o", "u", "-1", " 1", "1 "}) {
        EXPECT_EQ(from_base32(text), std::nullopt) << text;
    }
    EXPECT_EQ(from_base32("g000000000000"), std::nullopt);  // 2^64
    EXPECT_EQ(from_base32("zzzzzzzzzzzzzz"), std::nullopt);
    EXPECT_EQ(from_base32(std::string_view("\0", 1)), std::nullopt);
}

}  // namespace
}  // namespace mxpost
