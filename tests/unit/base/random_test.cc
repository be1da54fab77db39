#include "base/random.h"

#include <set>

#include <gtest/gtest.h>

#include "support/fixed_random.h"

namespace mxpost {
namespace {

TEST(Random, BelowDropsTheIncompleteRange) {
    // The largest numbers would make small results likelier: they are drawn again.
    test::FixedRandom random{UINT64_MAX, UINT64_MAX - 1, 5};
    EXPECT_EQ(random.below(3), (UINT64_MAX - 1) % 3);
    test::FixedRandom uneven{UINT64_MAX, 12};
    EXPECT_EQ(uneven.below(10), 2U);
    EXPECT_EQ(uneven.below(0), 0U);
    EXPECT_EQ(uneven.below(1), 0U);
}

TEST(SystemRandom, DoesNotRepeatItself) {
    SystemRandom random;
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i) {
        EXPECT_TRUE(seen.insert(random.bits()).second);
    }
}

}  // namespace
}  // namespace mxpost
