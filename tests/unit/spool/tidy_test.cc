#include "spool/tidy.h"

#include <filesystem>

#include "base/log.h"
#include "base/state_directory.h"
#include "spool/usage.h"
#include "spool_test.h"

namespace mxpost::spool {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class TidyTest : public SpoolTest {
protected:
    /// Lines that say what was done, when the box has not been used for a while.
    std::vector<std::string> tidy() {
        std::vector<std::string> lines;
        const WallTime later = SystemClock().now() + kUnusedFor + std::chrono::hours(1);
        const auto done =
            tidy_root(files_, root_.path(), later, random_, [&](std::string_view line) {
                lines.emplace_back(line);
            });
        EXPECT_TRUE(done);
        return lines;
    }
    void keep_state(const std::string& name) {
        NullLog log;
        auto state = StateDirectory::in_box(files_, log, box_.directory(), box_.path());
        ASSERT_TRUE(state.write(name, "text"));
    }
};

TEST_F(TidyTest, ABoxWithNothingButStateIsUnused) {
    keep_state("policies");
    keep_state("families");
    EXPECT_THAT(tidy(), ElementsAre(HasSubstr("removed the unused box")));
    EXPECT_FALSE(fs::exists(box_.path()));
}

TEST_F(TidyTest, ABoxThatAnEngineServesIsLeftAlone) {
    auto engine = posix_.open(AT_FDCWD, box_.path(), O_RDONLY | O_DIRECTORY, 0);
    ASSERT_TRUE(engine);
    ASSERT_TRUE(*posix_.try_lock(engine->get()));
    EXPECT_THAT(tidy(), IsEmpty());
    EXPECT_TRUE(fs::exists(box_.path()));
    engine->reset();
    EXPECT_THAT(tidy(), ElementsAre(HasSubstr("removed the unused box")));
}

TEST_F(TidyTest, ABoxWithMailKeepsItsState) {
    keep_state("policies");
    std::ofstream(box_.path() + "/" + EntryName{kId, kDue}.text()) << "text";
    EXPECT_THAT(tidy(), IsEmpty());
    EXPECT_TRUE(fs::exists(box_.path() + "/state/policies"));
}

TEST_F(TidyTest, WhatOnlyLooksLikeStateIsLeftAlone) {
    fs::create_directory(root_ / "elsewhere");
    std::ofstream(root_ / "elsewhere/file") << "text";
    fs::create_directory_symlink(root_ / "elsewhere", box_.path() + "/state");
    EXPECT_THAT(tidy(), IsEmpty());
    EXPECT_TRUE(fs::exists(root_ / "elsewhere/file"));
}

TEST_F(TidyTest, StateIsNoMailAndNoRequest) {
    keep_state("policies");
    std::size_t seen = 0;
    EXPECT_TRUE(store_.list([&](const EntryName&) { ++seen; }, [&](const Request&) { ++seen; }));
    EXPECT_EQ(seen, 0U);
    EXPECT_EQ(store_.count_corrupt(), 0U);
}

}  // namespace
}  // namespace mxpost::spool
