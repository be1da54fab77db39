#include "base/state_directory.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/failing_file_system.h"
#include "support/temporary_directory.h"

namespace mxpost {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LinesLog final : public Log {
public:
    void write(Priority, std::string_view line) override { lines.emplace_back(line); }
    std::vector<std::string> lines;
};

class StateDirectoryTest : public testing::Test {
protected:
    StateDirectoryTest() : files_(posix_) {
        box_ = *posix_.open(AT_FDCWD, root_.path(), O_RDONLY | O_DIRECTORY, 0);
    }
    StateDirectory state() {
        return StateDirectory::in_box(files_, log_, box_.get(), root_.path());
    }
    void put(const std::string& name, const std::string& text) {
        fs::create_directory(root_ / "state");
        fs::permissions(root_ / "state", fs::perms(0700));
        std::ofstream(root_ / ("state/" + name), std::ios::binary) << text;
        fs::permissions(root_ / ("state/" + name), fs::perms(0600));
    }
    std::vector<std::string> names() const {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(root_ / "state")) {
            names.push_back(entry.path().filename());
        }
        return names;
    }

    test::TemporaryDirectory root_;
    PosixFileSystem posix_;
    test::FailingFileSystem files_;
    LinesLog log_;
    Fd box_;
};

TEST_F(StateDirectoryTest, WhatWasWrittenIsReadByTheNextEngine) {
    EXPECT_EQ(state().read("policies"), std::nullopt);
    EXPECT_FALSE(fs::exists(root_ / "state")) << "reading leaves nothing behind";
    StateDirectory first = state();
    EXPECT_TRUE(first.write("policies", "one\n"));
    EXPECT_TRUE(first.write("policies", "two\n"));
    EXPECT_TRUE(first.write("empty", ""));
    EXPECT_EQ(first.read("policies"), "two\n");
    EXPECT_EQ(state().read("policies"), "two\n");
    EXPECT_EQ(state().read("empty"), "");
    EXPECT_EQ(state().read("other"), std::nullopt);
    EXPECT_EQ(StateDirectory::at(files_, log_, root_ / "state").read("policies"), "two\n");
    EXPECT_THAT(log_.lines, IsEmpty());
}

TEST_F(StateDirectoryTest, TheGroupMayRemoveFilesButNotWriteThem) {
    const mode_t mask = ::umask(0007);  // the engine's
    EXPECT_TRUE(state().write("a", "text"));
    ::umask(mask);
    struct stat status {};
    ASSERT_EQ(::stat((root_ / "state").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0770U);
    ASSERT_EQ(::stat((root_ / "state/a").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(StateDirectoryTest, AFileThatOthersCouldHaveWrittenIsNotRead) {
    put("group", "text");
    fs::permissions(root_ / "state/group", fs::perms(0660));
    put("world", "text");
    fs::permissions(root_ / "state/world", fs::perms(0606));
    put("twice", "text");
    fs::create_hard_link(root_ / "state/twice", root_ / "other");
    put("target", "text");
    fs::create_symlink("target", root_ / "state/link");
    ASSERT_EQ(::mkfifo((root_ / "state/pipe").c_str(), 0600), 0);
    fs::create_directory(root_ / "state/directory");
    put("huge", "");
    fs::resize_file(root_ / "state/huge", StateDirectory::kMaxSize + 1);
    for (const char* name : {"group", "world", "twice", "link", "pipe", "directory", "huge"}) {
        EXPECT_EQ(state().read(name), std::nullopt) << name;
    }
    EXPECT_EQ(state().read("target"), "text");
}

TEST_F(StateDirectoryTest, AnotherUidsFileIsNotRead) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root can give files away";
    }
    put("foreign", "text");
    ASSERT_EQ(::chown((root_ / "state/foreign").c_str(), 12345, 0), 0);
    put("own", "text");
    EXPECT_EQ(state().read("foreign"), std::nullopt);
    EXPECT_EQ(state().read("own"), "text");
    ASSERT_EQ(::chown((root_ / "state").c_str(), 12345, 0), 0);
    EXPECT_EQ(state().read("own"), std::nullopt);
    EXPECT_FALSE(state().write("own", "more"));
}

TEST_F(StateDirectoryTest, ADirectoryThatEverybodyWritesOrALinkIsNotUsed) {
    put("a", "text");
    fs::permissions(root_ / "state", fs::perms(0707));
    EXPECT_EQ(state().read("a"), std::nullopt);
    EXPECT_FALSE(state().write("a", "more"));
    fs::permissions(root_ / "state", fs::perms(0700));
    EXPECT_EQ(state().read("a"), "text");
    fs::rename(root_ / "state", root_ / "elsewhere");
    fs::create_symlink("elsewhere", root_ / "state");
    EXPECT_EQ(state().read("a"), std::nullopt);
    EXPECT_FALSE(state().write("a", "more"));
}

TEST_F(StateDirectoryTest, WhatADeadEngineLeftIsReplaced) {
    put(".new-a", "half of a te");
    EXPECT_TRUE(state().write("a", "text"));
    EXPECT_THAT(names(), ElementsAre("a"));
}

TEST_F(StateDirectoryTest, AFailedWriteKeepsTheOldTextAndIsReportedOnce) {
    StateDirectory kept = state();
    ASSERT_TRUE(kept.write("a", "old"));
    for (const char* call : {"open", "write", "replace"}) {
        files_.fail_always(call, ENOSPC);
        EXPECT_FALSE(kept.write("a", "new")) << call;
        files_.heal();
        EXPECT_EQ(kept.read("a"), "old") << call;
        EXPECT_THAT(names(), ElementsAre("a")) << call;
    }
    EXPECT_THAT(log_.lines, ElementsAre(HasSubstr("/state/a: open: No space left on device")));
    EXPECT_TRUE(kept.write("a", "new"));
}

TEST_F(StateDirectoryTest, WithoutAPlaceNothingIsKeptAndNothingSaid) {
    StateDirectory none(files_, log_);
    EXPECT_FALSE(none.write("a", "text"));
    EXPECT_EQ(none.read("a"), std::nullopt);
    EXPECT_THAT(log_.lines, IsEmpty());
    StateDirectory missing = StateDirectory::at(files_, log_, root_ / "missing");
    EXPECT_EQ(missing.read("a"), std::nullopt);
    EXPECT_THAT(log_.lines, IsEmpty());
    EXPECT_FALSE(missing.write("a", "text"));
    EXPECT_EQ(log_.lines.size(), 1U);
}

}  // namespace
}  // namespace mxpost
