#include "spool/tidy.h"

#include <array>
#include <ctime>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>

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
    RootLook begin(bool tidies, WallTime now) {
        auto root = SpoolRoot::open(files_, root_.path());
        EXPECT_TRUE(root) << root.error().message();
        auto look = RootLook::begin(files_, std::move(*root), tidies, now, random_);
        EXPECT_TRUE(look) << look.error().message();
        return std::move(*look);
    }
    /// Lines that say what was done.
    std::vector<std::string> tidy(WallTime now) {
        RootLook look = begin(true, now);
        const auto has_more =
            look.read(1000, [this](const std::string& name) { seen_.push_back(name); });
        EXPECT_TRUE(has_more && !*has_more);
        return look.deeds();
    }
    /// The same when the box has not been used for a while.
    std::vector<std::string> tidy() {
        return tidy(SystemClock().now() + kUnusedFor + std::chrono::hours(1));
    }
    std::vector<std::string> tidy_now() { return tidy(SystemClock().now()); }
    std::string own_name() const { return fs::path(box_.path()).filename(); }
    void keep_state(const std::string& name) {
        NullLog log;
        auto state = StateDirectory::in_box(files_, log, box_.directory(), box_.path());
        ASSERT_TRUE(state.write(name, "text"));
    }

    std::vector<std::string> seen_;  // names that a box may have
};

TEST_F(TidyTest, ABoxWithNothingButStateIsUnused) {
    keep_state("policies");
    keep_state("families");
    EXPECT_THAT(tidy(), ElementsAre(HasSubstr("removed the unused box")));
    EXPECT_FALSE(fs::exists(box_.path()));
}

/// cron starts sendmail with a job's first output, and the last one may come hours later.
TEST_F(TidyTest, ABoxThatASubmitterHasOpenIsUsed) {
    const auto since = to_seconds(SystemClock().now()).time_since_epoch() - 2 * kUnusedFor;
    const timespec then{std::chrono::duration_cast<std::chrono::seconds>(since).count(), 0};
    const std::array times{then, then};
    ASSERT_EQ(::utimensat(AT_FDCWD, box_.path().c_str(), times.data(), 0), 0);
    const auto box = open_own_box(files_, root_.path(), ::geteuid(), SystemClock(), random_);
    ASSERT_TRUE(box) << box.error().message();
    EXPECT_EQ(box->path(), box_.path());
    EXPECT_THAT(tidy_now(), IsEmpty());
    EXPECT_TRUE(fs::exists(box_.path()));
    EXPECT_TRUE(fs::is_empty(box_.path()));
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

TEST_F(TidyTest, MoreStateThanAnEngineHasIsLeftAlone) {
    keep_state("policies");
    for (int i = 0; i < 200; ++i) {
        std::ofstream(box_.path() + "/state/" + std::to_string(i));
    }
    EXPECT_THAT(tidy(), IsEmpty());
    EXPECT_TRUE(fs::exists(box_.path() + "/state/policies"));
}

TEST_F(TidyTest, EachUidHasOneLineHoweverMuchItHasPutThere) {
    for (int i = 0; i < 10; ++i) {
        std::ofstream(root_ / "77-" + std::to_string(i));
    }
    std::ofstream(root_ / "readme");
    EXPECT_THAT(
        tidy_now(), ElementsAre(testing::AllOf(HasSubstr("which is no box"), HasSubstr("9 other")))
    );
    EXPECT_THAT(seen_, ElementsAre(own_name()));
    EXPECT_TRUE(fs::exists(root_ / "readme"));
}

TEST_F(TidyTest, ARootIsLookedAtInPieces) {
    for (int i = 0; i < 10; ++i) {
        std::ofstream(root_ / "77-" + std::to_string(i));
    }
    RootLook look = begin(true, SystemClock().now());
    const auto visit = [this](const std::string& name) { seen_.push_back(name); };
    const auto has_more = look.read(4, visit);
    EXPECT_TRUE(has_more && *has_more);
    const auto left = std::distance(fs::directory_iterator(root_.path()), {});
    EXPECT_GE(left, 11 - 4);
    while (*look.read(4, visit)) {
    }
    EXPECT_EQ(std::distance(fs::directory_iterator(root_.path()), {}), 1);
    EXPECT_THAT(seen_, ElementsAre(own_name()));
}

TEST_F(TidyTest, WhoDoesNotOwnTheRootOnlyLooks) {
    std::ofstream(root_ / "77");
    RootLook look = begin(false, SystemClock().now());
    ASSERT_TRUE(look.read(1000, [this](const std::string& name) { seen_.push_back(name); }));
    EXPECT_THAT(seen_, testing::UnorderedElementsAre(own_name(), "77"));
    EXPECT_THAT(look.deeds(), IsEmpty());
    EXPECT_TRUE(fs::exists(root_ / "77"));
}

TEST_F(TidyTest, WhoHasTakenAnothersNameGetsOneOfTheirOwn) {
    fs::create_directory(root_ / "4294967290");
    const std::string renamed = std::to_string(::getuid()) + "-";
    EXPECT_THAT(tidy_now(), ElementsAre(HasSubstr("which uid " + std::to_string(::getuid()))));
    EXPECT_THAT(seen_, testing::Contains(own_name()));
    EXPECT_THAT(seen_, testing::Contains(testing::StartsWith(renamed)));
    EXPECT_FALSE(fs::exists(root_ / "4294967290"));
}

TEST_F(TidyTest, OursThatOthersMayWriteToGoesWhenItIsEmpty) {
    const std::string strange = box_.path() + "-aaaaaaaa";
    fs::create_directory(strange);
    ASSERT_EQ(::chmod(strange.c_str(), 02777), 0);
    std::ofstream(strange + "/file");
    EXPECT_THAT(tidy_now(), IsEmpty());
    EXPECT_TRUE(fs::exists(strange + "/file"));
    fs::remove(strange + "/file");
    EXPECT_THAT(tidy_now(), ElementsAre(HasSubstr("which others could write to")));
    EXPECT_FALSE(fs::exists(strange));
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
