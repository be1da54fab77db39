#include "local/alias_files.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/failing_file_system.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"

namespace mxpost::local {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Lines final : public Log {
public:
    void write(Priority, std::string_view line) override { lines.emplace_back(line); }
    std::vector<std::string> lines;
};

class AliasFilesTest : public testing::Test {
protected:
    /// Written long before the clock's time.
    void write(const std::string& name, const std::string& text, mode_t mode = 0644) {
        std::ofstream(path(name)) << text;
        ASSERT_EQ(::chmod(path(name).c_str(), mode), 0);
        set_time(name, std::chrono::hours(-1) - std::chrono::seconds(++version_));
    }
    void set_time(const std::string& name, std::chrono::seconds since_now) {
        const auto time = to_seconds(clock_.now()).time_since_epoch() + since_now;
        const timespec stamp{time.count(), 0};
        const timespec times[] = {stamp, stamp};
        ASSERT_EQ(::utimensat(AT_FDCWD, path(name).c_str(), times, 0), 0);
    }
    std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
    AliasFiles make(const std::vector<std::string>& names) {
        std::vector<std::string> paths;
        for (const std::string& name : names) {
            paths.push_back(path(name));
        }
        return AliasFiles(files_, clock_, log_, std::move(paths));
    }
    /// The first target of an alias; "none", or why it can't be known.
    static std::string target(AliasFiles& aliases, const std::string& name) {
        const auto found = aliases.find(name);
        if (!found) {
            return found.error().message();
        }
        return *found == nullptr ? "none" : (*found)->targets.at(0).address.text();
    }

    test::TemporaryDirectory directory_;
    PosixFileSystem posix_;
    test::FailingFileSystem files_{posix_};
    test::ManualClock clock_{WallTime(std::chrono::seconds(1704110400))};
    Lines log_;
    int version_ = 0;
};

TEST_F(AliasFilesTest, WithoutFileThereAreNoAliases) {
    AliasFiles aliases = make({"gone"});
    EXPECT_EQ(target(aliases, "root"), "none");
    EXPECT_THAT(log_.lines, IsEmpty());
}

TEST_F(AliasFilesTest, TheFirstFileThatHasTheNameCounts) {
    write("one", "root: a@a.test\n");
    write("two", "root: b@a.test\nann: c@a.test\n");
    AliasFiles aliases = make({"one", "gone", "two"});
    EXPECT_EQ(target(aliases, "root"), "a@a.test");
    EXPECT_EQ(target(aliases, "ann"), "c@a.test");
}

TEST_F(AliasFilesTest, AChangedFileIsReadAgainAndOnlyThen) {
    write("f", "root: a@a.test\n");
    AliasFiles aliases = make({"f"});
    EXPECT_EQ(target(aliases, "root"), "a@a.test");
    const std::size_t reads = files_.count("read");
    aliases.refresh();
    EXPECT_EQ(files_.count("read"), reads);

    write("f", "root: b@a.test\n");
    aliases.refresh();
    EXPECT_EQ(target(aliases, "root"), "b@a.test");
    std::filesystem::rename(path("f"), path("g"));
    aliases.refresh();
    EXPECT_EQ(target(aliases, "root"), "none");
}

TEST_F(AliasFilesTest, ABadLineIsLoggedOnceForEachVersionAndItsNameWaits) {
    write("f", "root: a@a.test\nstray\nann: \"x\n");
    AliasFiles aliases = make({"f"});
    aliases.refresh();
    EXPECT_EQ(target(aliases, "root"), "a@a.test");
    EXPECT_EQ(target(aliases, "ann"), path("f") + ":3: unbalanced quote");
    EXPECT_THAT(
        log_.lines,
        ElementsAre(path("f") + ":2: no colon behind the name", path("f") + ":3: unbalanced quote")
    );
    write("f", "root: a@a.test\nstray\n");
    aliases.refresh();
    EXPECT_EQ(log_.lines.size(), 3U);
}

TEST_F(AliasFilesTest, AFileThatCantBeReadMakesEveryNameWaitUntilItCan) {
    write("f", "root: a@a.test\n");
    files_.fail_always("read", EIO);
    AliasFiles aliases = make({"f"});
    EXPECT_EQ(target(aliases, "root"), "can't read " + path("f") + ": Input/output error");
    aliases.refresh();
    EXPECT_EQ(log_.lines.size(), 1U);
    files_.heal();
    aliases.refresh();
    EXPECT_EQ(target(aliases, "root"), "a@a.test");

    files_.fail_always("open", EACCES);
    aliases.refresh();
    EXPECT_EQ(target(aliases, "root"), "can't read " + path("f") + ": Permission denied");
}

TEST_F(AliasFilesTest, WhatEveryoneMayWriteToIsNotUsed) {
    write("f", "root: a@a.test\n", 0666);
    AliasFiles aliases = make({"f"});
    EXPECT_THAT(target(aliases, "root"), HasSubstr("everyone may write"));
    write("f", "root: a@a.test\n", 0664);
    aliases.refresh();
    EXPECT_EQ(target(aliases, "root"), "a@a.test");
}

TEST_F(AliasFilesTest, NeitherADirectoryNorAPipeIsAFile) {
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    AliasFiles pipe = make({"pipe"});
    EXPECT_THAT(target(pipe, "root"), HasSubstr("no regular file"));
    ASSERT_EQ(::mkdir(path("d").c_str(), 0700), 0);
    AliasFiles directory = make({"d"});
    EXPECT_THAT(target(directory, "root"), HasSubstr("no regular file"));
}

TEST_F(AliasFilesTest, AHalfWrittenLastLineWaits) {
    write("f", "root: ops@exam");
    set_time("f", std::chrono::seconds(-1));
    AliasFiles aliases = make({"f"});
    EXPECT_THAT(target(aliases, "root"), HasSubstr("has just changed"));
    EXPECT_FALSE(aliases.has_just_changed());
    clock_.advance(std::chrono::seconds(10));  // nobody writes that slowly
    aliases.refresh();
    EXPECT_EQ(target(aliases, "root"), "ops@exam");
}

TEST_F(AliasFilesTest, AFreshFileSaysSo) {
    write("f", "root: a@a.test\n");
    set_time("f", std::chrono::seconds(-1));
    AliasFiles aliases = make({"f"});
    EXPECT_TRUE(aliases.has_just_changed());
    clock_.advance(std::chrono::seconds(10));
    EXPECT_FALSE(aliases.has_just_changed());
}

TEST_F(AliasFilesTest, AnIncludedFilesBadLinesAreLoggedOnceForEachVersion) {
    write("list", "a@a.test\nb c\n");
    AliasFiles aliases = make({});
    ASSERT_TRUE(aliases.include(path("list")));
    EXPECT_EQ(aliases.include(path("list"))->size(), 1U);
    EXPECT_EQ(log_.lines.size(), 1U);
    write("list", "a@a.test\nb c\nd@a.test\n");
    EXPECT_EQ(aliases.include(path("list"))->size(), 2U);
    EXPECT_EQ(log_.lines.size(), 2U);
    EXPECT_THAT(
        aliases.include(path("gone")).error().message(), HasSubstr("No such file or directory")
    );
}

}  // namespace
}  // namespace mxpost::local
