#include "spool/box.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "support/failing_file_system.h"
#include "support/fixed_random.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"

namespace mxpost::spool {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

class BoxTest : public testing::Test {
protected:
    BoxTest() : files_(posix_) {
        EXPECT_EQ(::chmod(root_.path().c_str(), 03777), 0);
        clock_.jump_to(now());
    }
    static WallTime now() { return SystemClock().now(); }

    Result<Box> open_own(uid_t uid = ::getuid()) {
        return open_own_box(files_, root_.path(), uid, clock_, random_);
    }
    std::string own_path() const { return root_ / std::to_string(::getuid()); }
    static mode_t mode_of(const std::string& path) {
        struct stat status {};
        EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
        return status.st_mode & 07777U;
    }

    test::TemporaryDirectory root_;
    PosixFileSystem posix_;
    test::FailingFileSystem files_;
    test::ManualClock clock_;
    test::FixedRandom random_{7};
};

TEST_F(BoxTest, ABoxIsMadeOpenToTheGroupWhateverTheUmask) {
    for (const mode_t mask : {0U, 022U, 077U, 0777U}) {
        const mode_t before = ::umask(mask);
        const auto box = open_own();
        const mode_t after = ::umask(before);
        ASSERT_TRUE(box) << box.error().message();
        EXPECT_EQ(mode_of(box->path()), 02770U) << mask;
        EXPECT_EQ(after, mask);
        EXPECT_TRUE(box->is_shared());
        EXPECT_EQ(box->owner(), ::getuid());
        EXPECT_EQ(box->path(), own_path());
        fs::remove(box->path());
    }
}

TEST_F(BoxTest, AnUmaskIsRestoredWhenMkdirFails) {
    files_.fail(1, ENOSPC, "mkdir");
    const mode_t before = ::umask(031);
    EXPECT_TRUE(open_own().error().is(ENOSPC));
    EXPECT_EQ(::umask(before), 031U);
}

TEST_F(BoxTest, TheSameBoxIsFoundAgain) {
    ASSERT_TRUE(open_own());
    const std::size_t made = files_.count("mkdir");
    EXPECT_EQ(open_own()->path(), own_path());
    EXPECT_EQ(files_.count("mkdir"), made);
}

TEST_F(BoxTest, ANewBoxIsDurable) {
    ASSERT_TRUE(open_own());
    EXPECT_EQ(files_.count("fsync"), 1U);
    EXPECT_EQ(files_.trace().back(), "fsync");
}

TEST_F(BoxTest, AYoungBoxIsSyncedByWhoeverComes) {
    ASSERT_TRUE(open_own());
    ASSERT_TRUE(open_own());
    EXPECT_EQ(files_.count("fsync"), 2U);
    clock_.advance(std::chrono::minutes(2));
    ASSERT_TRUE(open_own());
    EXPECT_EQ(files_.count("fsync"), 2U);
    // A box from the future, or without a birth time, can't be called old.
    clock_.jump_to(now() - std::chrono::hours(1));
    ASSERT_TRUE(open_own());
    EXPECT_EQ(files_.count("fsync"), 3U);
    files_.fail(1, ENOTSUP, "statx");
    ASSERT_TRUE(open_own());
    EXPECT_EQ(files_.count("fsync"), 4U);
}

TEST_F(BoxTest, ASyncThatFailsIsAnError) {
    files_.fail(1, EIO, "fsync");
    EXPECT_TRUE(open_own().error().is(EIO));
}

TEST_F(BoxTest, ANameSquattedByAFileIsGoneRound) {
    std::ofstream(own_path()) << "mine";
    const auto box = open_own();
    ASSERT_TRUE(box) << box.error().message();
    EXPECT_EQ(box->path(), own_path() + "-00000007");
    EXPECT_EQ(mode_of(box->path()), 02770U);
    // The next call finds the one that was made, instead of making another.
    random_ = test::FixedRandom{8};
    EXPECT_EQ(open_own()->path(), own_path() + "-00000007");
}

TEST_F(BoxTest, ANameSquattedByALinkIsGoneRound) {
    const test::TemporaryDirectory elsewhere;
    fs::create_directory_symlink(elsewhere.path(), own_path());
    EXPECT_EQ(open_own()->path(), own_path() + "-00000007");
    EXPECT_TRUE(fs::is_empty(elsewhere.path()));
}

TEST_F(BoxTest, ANameSquattedByAnothersDirectoryIsGoneRound) {
    if (::getuid() != 0) {
        GTEST_SKIP() << "needs root to make a directory of another uid";
    }
    fs::create_directory(own_path());
    ASSERT_EQ(::chown(own_path().c_str(), 12345, 12345), 0);
    fs::create_directory(own_path() + "-zzzzzzzz");
    ASSERT_EQ(::chown((own_path() + "-zzzzzzzz").c_str(), 12345, 12345), 0);
    EXPECT_EQ(open_own()->path(), own_path() + "-00000007");
}

/// Whoever may write to a directory can move it to where boxes are, whosever it is.
class OpenBoxTest : public BoxTest {
protected:
    OpenBoxTest() {
        fs::create_directory(own_path());
        EXPECT_EQ(::chmod(own_path().c_str(), 02770), 0);
    }
    /// The caller's box is another one, and nobody else takes this one for a box either.
    void expect_no_box() {
        EXPECT_EQ(open_own()->path(), own_path() + "-00000007");
        const std::string name = fs::path(own_path()).filename();
        EXPECT_TRUE(open_box(files_, root_.path(), name).error().is(EPERM));
        std::vector<std::string> closed;
        EXPECT_TRUE(visit_boxes(
            files_,
            root_.path(),
            ::getuid(),
            [&](const Box& box) { EXPECT_NE(box.path(), own_path()); },
            [&](const ClosedBox& box) {
                EXPECT_TRUE(box.is_open_to_others);
                EXPECT_EQ(box.owner, ::getuid());
                closed.push_back(box.path);
            }
        ));
        EXPECT_THAT(closed, ElementsAre(own_path()));
    }
    void expect_box() {
        const auto box = open_own();
        ASSERT_TRUE(box) << box.error().message();
        EXPECT_EQ(box->path(), own_path());
    }
    /// With an access control list by which uid 12345 may do `rights`; false where there are none.
    static bool let_somebody(const std::string& path, const char* list, char rights) {
        const std::string octets{2,  0, 0,      0,                                   // version
                                 1,  0, 7,      0, '\xff', '\xff', '\xff', '\xff',   // the owner
                                 2,  0, rights, 0, 0x39,   0x30,   0,      0,        // uid 12345
                                 4,  0, 7,      0, '\xff', '\xff', '\xff', '\xff',   // the group
                                 16, 0, 7,      0, '\xff', '\xff', '\xff', '\xff',   // at most
                                 32, 0, 0,      0, '\xff', '\xff', '\xff', '\xff'};  // others
        return ::setxattr(path.c_str(), list, octets.data(), octets.size(), 0) == 0;
    }
};

TEST_F(OpenBoxTest, WhatAllMayWriteToIsNone) {
    expect_box();
    ASSERT_EQ(::chmod(own_path().c_str(), 02777), 0);
    expect_no_box();
}

TEST_F(OpenBoxTest, OneThatAllMayWriteToIsNotFoundUnderAnotherNameEither) {
    const std::string moved = own_path() + "-aaaaaaaa";
    fs::rename(own_path(), moved);
    ASSERT_EQ(::chmod(moved.c_str(), 02777), 0);
    std::ofstream(own_path()) << "squatted";
    EXPECT_EQ(open_own()->path(), own_path() + "-00000007");
}

TEST_F(OpenBoxTest, WhatAnAccessControlListLetsAnotherWriteToIsNone) {
    if (!let_somebody(own_path(), "system.posix_acl_access", 7)) {
        GTEST_SKIP() << "needs a file system with access control lists";
    }
    expect_no_box();
}

TEST_F(OpenBoxTest, AListThatOnlyLetsAnotherReadIsNoHarm) {
    if (!let_somebody(own_path(), "system.posix_acl_access", 5)) {
        GTEST_SKIP() << "needs a file system with access control lists";
    }
    expect_box();
}

TEST_F(OpenBoxTest, WhomTheAdministratorLetsWriteToAllBoxesMay) {
    if (!let_somebody(root_.path(), "system.posix_acl_default", 7)) {
        GTEST_SKIP() << "needs a file system with access control lists";
    }
    ASSERT_TRUE(let_somebody(own_path(), "system.posix_acl_access", 7));
    expect_box();
}

TEST_F(OpenBoxTest, WhatAnotherGroupMayWriteToIsNone) {
    if (::getuid() != 0) {
        GTEST_SKIP() << "needs root to give a directory away";
    }
    ASSERT_EQ(::chown(own_path().c_str(), static_cast<uid_t>(-1), 12345), 0);
    ASSERT_EQ(::chmod(own_path().c_str(), 02750), 0);
    expect_box();
    ASSERT_EQ(::chmod(own_path().c_str(), 02770), 0);
    expect_no_box();
}

TEST_F(OpenBoxTest, OneFromBeforeTheSpoolGotItsGroupStaysItsOwners) {
    if (::getuid() != 0) {
        GTEST_SKIP() << "needs root to give a directory away";
    }
    ASSERT_EQ(::chown(root_.path().c_str(), static_cast<uid_t>(-1), 12345), 0);
    ASSERT_EQ(::chmod(root_.path().c_str(), 03777), 0);
    ASSERT_EQ(::chown(own_path().c_str(), static_cast<uid_t>(-1), 0), 0);
    ASSERT_EQ(::chmod(own_path().c_str(), 02770), 0);
    expect_box();
    EXPECT_FALSE(open_own()->is_shared());
}

TEST_F(OpenBoxTest, WhereNobodyElseCanPutADirectoryItsGroupIsItsOwnersBusiness) {
    if (::getuid() != 0) {
        GTEST_SKIP() << "needs root to give a directory away";
    }
    ASSERT_EQ(::chmod(root_.path().c_str(), 02700), 0);
    ASSERT_EQ(::chown(own_path().c_str(), static_cast<uid_t>(-1), 12345), 0);
    ASSERT_EQ(::chmod(own_path().c_str(), 02770), 0);
    expect_box();
}

TEST_F(BoxTest, SomebodyWhoMakesTheBoxAtTheSameTimeIsNoTrouble) {
    // Another process of ours was quicker: our mkdir says EEXIST.
    files_.fail(2, ENOENT, "open");
    fs::create_directory(own_path());
    EXPECT_EQ(open_own()->path(), own_path());
}

TEST_F(BoxTest, ABoxThatIsNotTheGroupsIsNotShared) {
    fs::create_directory(own_path());
    ASSERT_EQ(::chmod(own_path().c_str(), 0700), 0);
    EXPECT_FALSE(open_own()->is_shared());
    ASSERT_EQ(::chmod(own_path().c_str(), 0770), 0);
    EXPECT_FALSE(open_own()->is_shared());  // its files would get the caller's group
    ASSERT_EQ(::chmod(own_path().c_str(), 02770), 0);
    EXPECT_TRUE(open_own()->is_shared());
}

TEST_F(BoxTest, ErrorsSayWhetherTheNextSpoolIsWorthATry) {
    EXPECT_TRUE(open_own_box(files_, root_ / "none", ::getuid(), clock_, random_).error().is(ENOENT)
    );
    std::ofstream(root_ / "file");
    EXPECT_TRUE(
        open_own_box(files_, root_ / "file", ::getuid(), clock_, random_).error().is(ENOTDIR)
    );
    for (const int error : {EACCES, EROFS, ENOSPC, EDQUOT}) {
        files_.fail(1, error, "mkdir");
        EXPECT_TRUE(open_own().error().is(error));
    }
}

TEST_F(BoxTest, EveryCallMayFailWithoutACrash) {
    const std::size_t calls = [&] {
        test::FailingFileSystem files(posix_);
        EXPECT_TRUE(open_own_box(files, root_.path(), ::getuid(), clock_, random_));
        fs::remove(own_path());
        return files.count();
    }();
    for (std::size_t n = 1; n <= calls; ++n) {
        test::FailingFileSystem files(posix_);
        files.fail(n, EIO);
        const auto box = open_own_box(files, root_.path(), ::getuid(), clock_, random_);
        if (!box) {
            EXPECT_TRUE(box.error().is(EIO)) << files.trace().back();
        }
        fs::remove(own_path());
    }
}

TEST_F(BoxTest, ListGivesBoxesOnly) {
    ASSERT_TRUE(open_own());
    fs::create_directory(root_ / "12345-abcdefgh");
    fs::create_directory(root_ / "lost+found");
    fs::create_directory(root_ / "-1");
    fs::create_directory(root_ / "1x");
    std::ofstream(root_ / "999");
    fs::create_directory_symlink("/etc", root_ / "998");
    std::vector<std::string> paths;
    const auto boxes = list_boxes(files_, root_.path(), kAnyOwner);
    for (const Box& box : *boxes) {
        paths.push_back(box.path());
    }
    EXPECT_THAT(paths, testing::UnorderedElementsAre(own_path(), root_ / "12345-abcdefgh"));
    EXPECT_THAT(*list_boxes(files_, root_.path(), 54321), IsEmpty());
    EXPECT_THAT(*list_boxes(files_, root_ / "none", kAnyOwner), IsEmpty());
}

TEST_F(BoxTest, MoreBoxesThanDescriptorsAreVisitedOneByOne) {
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(::mkdir((own_path() + "-" + std::to_string(i)).c_str(), 0770), 0);
    }
    std::size_t visited = 0;
    int highest = 0;
    EXPECT_TRUE(visit_boxes(files_, root_.path(), kAnyOwner, [&](const Box& box) {
        ++visited;
        highest = std::max(highest, box.directory());
    }));
    EXPECT_EQ(visited, 100U);
    EXPECT_LT(highest, 50);
    files_.fail(2, EMFILE, "open");
    EXPECT_TRUE(visit_boxes(files_, root_.path(), kAnyOwner, [](const Box&) {}).error().is(EMFILE));
}

TEST(BoxName, IsAUidAndPerhapsSomethingRandom) {
    for (const char* name : {"0", "1500", "1500-0a1b2c3d", "1500-x"}) {
        EXPECT_TRUE(is_box_name(name)) << name;
    }
    for (const char* name :
         {"",
          "-",
          "x",
          "1500-",
          "1500-A",
          "1500-\x1b[2J",
          "1500-a\nb",
          "1500-a-b",
          "-1",
          "lost+found"}) {
        EXPECT_FALSE(is_box_name(name)) << name;
    }
    EXPECT_FALSE(is_box_name("1500-" + std::string(64, 'a')));
}

TEST_F(BoxTest, ABoxWhoseNameCouldFoolAReaderIsNone) {
    ASSERT_EQ(
        ::mkdir((root_.path() + "/" + std::to_string(::getuid()) + "-\x1b[2J").c_str(), 0770), 0
    );
    const auto boxes = list_boxes(files_, root_.path(), kAnyOwner);
    ASSERT_TRUE(boxes);
    EXPECT_TRUE(boxes->empty());
}

TEST_F(BoxTest, AdoptTakesDirectoriesOnly) {
    ASSERT_TRUE(open_own());
    auto directory = posix_.open(AT_FDCWD, own_path(), O_RDONLY | O_DIRECTORY, 0);
    EXPECT_EQ(adopt_box(files_, std::move(*directory), "x")->owner(), ::getuid());
    std::ofstream(root_ / "file");
    auto file = posix_.open(AT_FDCWD, root_ / "file", O_RDONLY, 0);
    EXPECT_TRUE(adopt_box(files_, std::move(*file), "x").error().is(ENOTDIR));
}

TEST(SpoolCandidates, AHomeCountsForOrdinaryUsersOnly) {
    EXPECT_THAT(spool_candidates("", "/s", 0, "/root"), ElementsAre("/s"));
    EXPECT_THAT(spool_candidates("", "/s", 999, "/var/lib/x"), ElementsAre("/s"));
    EXPECT_THAT(
        spool_candidates("/c", "/s", 1000, "/home/a"),
        ElementsAre("/c", "/s", "/home/a/.local/state/mxpost")
    );
    EXPECT_THAT(spool_candidates("/s", "/s", 1000, "/"), ElementsAre("/s"));
    EXPECT_THAT(spool_candidates("/s", "/s", 1000, "relative"), ElementsAre("/s"));
}

class HomeSpoolTest : public BoxTest {
protected:
    std::string path() const { return root_ / ".local/state/mxpost"; }
};

TEST_F(HomeSpoolTest, MakesWhatIsMissingPrivately) {
    ASSERT_TRUE(make_home_spool(files_, path(), root_.path(), ::getuid()));
    EXPECT_EQ(mode_of(path()) & 0777U, 0700U);
    EXPECT_EQ(mode_of(root_ / ".local") & 0777U, 0700U);
    EXPECT_EQ(files_.count("fsync"), 3U);
    EXPECT_TRUE(make_home_spool(files_, path(), root_.path(), ::getuid()));
    EXPECT_EQ(files_.count("mkdir"), 3U);
}

TEST_F(HomeSpoolTest, LeavesPathsElsewhereAlone) {
    EXPECT_TRUE(make_home_spool(files_, "/var/spool/mxpost", root_.path(), ::getuid()));
    EXPECT_TRUE(make_home_spool(files_, root_.path() + "-not/x", root_.path(), ::getuid()));
    EXPECT_EQ(files_.count(), 0U);
}

TEST_F(HomeSpoolTest, DoesNotFollowLinks) {
    const test::TemporaryDirectory elsewhere;
    fs::create_directory_symlink(elsewhere.path(), root_ / ".local");
    EXPECT_FALSE(make_home_spool(files_, path(), root_.path(), ::getuid()));
    EXPECT_TRUE(fs::is_empty(elsewhere.path()));
}

TEST_F(HomeSpoolTest, RefusesAPartThatIsAnothers) {
    if (::getuid() != 0) {
        GTEST_SKIP() << "needs root to make a directory of another uid";
    }
    fs::create_directory(root_ / ".local");
    ASSERT_EQ(::chown((root_ / ".local").c_str(), 12345, 12345), 0);
    EXPECT_TRUE(make_home_spool(files_, path(), root_.path(), ::getuid()).error().is(EACCES));
}

}  // namespace
}  // namespace mxpost::spool
