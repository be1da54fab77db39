#include "base/result.h"

#include <cerrno>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace mxpost {
namespace {

TEST(Result, HoldsAValueThatCanOnlyBeMoved) {
    Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
    ASSERT_TRUE(result);
    const std::unique_ptr<int> value = *std::move(result);
    EXPECT_EQ(*value, 7);
}

TEST(Result, ANumberIsNotTakenForAnError) {
    const Result<int> zero(0);
    EXPECT_TRUE(zero);
    EXPECT_EQ(*zero, 0);
    const Result<bool> no(false);
    EXPECT_TRUE(no.has_value());
    EXPECT_FALSE(*no);
}

TEST(Result, SaysWhatFailed) {
    const Result<int> result(Error::from_errno(ENOSPC, "write"));
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().is(ENOSPC));
    EXPECT_FALSE(result.error().is(EIO));
    EXPECT_EQ(result.error().message(), "write: No space left on device");
    EXPECT_EQ(result.value_or(3), 3);
    const Result<void> nothing(Error::invalid("no recipient"));
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().message(), "no recipient");
}

TEST(Result, AnErrorUsedAsAValueStopsTheProgram) {
    const Result<std::string> result(Error::invalid("bad"));
    EXPECT_THROW((void)result.value(), boost::system::system_error);
    EXPECT_DEATH((void)result->size(), "");
}

}  // namespace
}  // namespace mxpost
