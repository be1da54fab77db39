#include "base/file_system.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include "support/temporary_directory.h"

namespace mxpost {
namespace {

class PosixFileSystemTest : public testing::Test {
protected:
    PosixFileSystemTest() {
        directory_ = *files_.open(AT_FDCWD, temporary_.path(), O_RDONLY | O_DIRECTORY, 0);
    }
    Fd make(const std::string& name, const std::string& text = "") {
        Fd file = *files_.open(directory_.get(), name, O_CREAT | O_EXCL | O_RDWR, 0600);
        EXPECT_TRUE(files_.write(file.get(), text));
        return file;
    }
    bool exists(const std::string& name) { return files_.stat(directory_.get(), name).has_value(); }

    test::TemporaryDirectory temporary_;
    PosixFileSystem files_;
    Fd directory_;
};

TEST_F(PosixFileSystemTest, NamesAndErrorsGoTogether) {
    const auto missing = files_.open(directory_.get(), "missing", O_RDONLY, 0);
    ASSERT_FALSE(missing);
    EXPECT_TRUE(missing.error().is(ENOENT));
    EXPECT_EQ(missing.error().message(), "open missing: No such file or directory");
}

TEST_F(PosixFileSystemTest, DescriptorsAreNotInherited) {
    const Fd file = make("a");
    EXPECT_NE(::fcntl(file.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(PosixFileSystemTest, RenameNeverReplaces) {
    make("a", "old");
    make("b", "new");
    const auto renamed = files_.rename(directory_.get(), "a", "b");
    ASSERT_FALSE(renamed);
    EXPECT_TRUE(renamed.error().is(EEXIST));
    EXPECT_TRUE(exists("a"));
    EXPECT_TRUE(files_.rename(directory_.get(), "a", "c"));
    EXPECT_FALSE(exists("a"));
}

TEST_F(PosixFileSystemTest, ANamelessFileGetsAFreeNameOnly) {
    const auto file = files_.open(directory_.get(), ".", O_TMPFILE | O_RDWR, 0600);
    if (!file) {
        GTEST_SKIP() << file.error().message();
    }
    make("taken");
    const auto refused = files_.link_fd(file->get(), directory_.get(), "taken");
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(EEXIST));
    EXPECT_TRUE(files_.link_fd(file->get(), directory_.get(), "free"));
    EXPECT_TRUE(exists("free"));
}

TEST_F(PosixFileSystemTest, LocksBelongToTheOpenFile) {
    const Fd first = make("a");
    const auto second = files_.open(directory_.get(), "a", O_RDONLY, 0);
    EXPECT_TRUE(*files_.try_lock(first.get()));
    EXPECT_FALSE(*files_.try_lock(second->get()));
    EXPECT_FALSE(*files_.try_lock_shared(second->get()));
    EXPECT_TRUE(files_.unlock(first.get()));
    EXPECT_TRUE(*files_.try_lock_shared(second->get()));
    EXPECT_TRUE(*files_.try_lock_shared(first.get()));
}

TEST_F(PosixFileSystemTest, RoomIsReservedWithoutChangingTheSize) {
    const Fd file = make("a", "text");
    const auto reserved = files_.reserve(file.get(), 4, 1U << 20);
    if (!reserved) {
        GTEST_SKIP() << reserved.error().message();
    }
    const auto status = files_.fstat(file.get());
    EXPECT_EQ(status->st_size, 4);
    EXPECT_GE(status->st_blocks * 512, 1 << 20);
}

TEST_F(PosixFileSystemTest, ListGivesEachEntryAndCanBeStopped) {
    make("a");
    make(".hidden");
    std::vector<std::string> names;
    const auto visit = [&](std::string_view name, unsigned char) {
        names.emplace_back(name);
        return true;
    };
    ASSERT_TRUE(files_.list(directory_.get(), visit));
    ASSERT_TRUE(files_.list(directory_.get(), visit));  // from the start again
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, (std::vector<std::string>{".hidden", ".hidden", "a", "a"}));
    int seen = 0;
    ASSERT_TRUE(files_.list(directory_.get(), [&](std::string_view, unsigned char) {
        ++seen;
        return false;
    }));
    EXPECT_EQ(seen, 1);
}

TEST_F(PosixFileSystemTest, AListingGivesEachEntryInPieces) {
    for (const char* name : {"a", "b", "c", ".hidden"}) {
        make(name);
    }
    auto listing = files_.open_listing(directory_.get());
    ASSERT_TRUE(listing);
    std::vector<std::string> names;
    const auto visit = [&](std::string_view name, unsigned char) { names.emplace_back(name); };
    EXPECT_TRUE((*listing)->read(3, visit).value());
    EXPECT_EQ(names.size(), 3U);
    EXPECT_FALSE((*listing)->read(3, visit).value());
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, (std::vector<std::string>{".hidden", "a", "b", "c"}));
    EXPECT_FALSE((*listing)->read(3, visit).value());
    EXPECT_FALSE(files_.open_listing(-1));
}

TEST_F(PosixFileSystemTest, StatDoesNotFollowLinks) {
    ASSERT_EQ(::symlinkat("/etc/passwd", directory_.get(), "link"), 0);
    EXPECT_TRUE(S_ISLNK(files_.stat(directory_.get(), "link")->st_mode));
}

}  // namespace
}  // namespace mxpost
