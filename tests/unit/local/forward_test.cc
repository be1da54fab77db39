#include "local/forward.h"

#include <cerrno>
#include <functional>

#include <gmock/gmock.h>

#include "unit/local/mailbox_test.h"

namespace mxpost::local {

namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using Kind = AliasTarget::Kind;

class ForwardTest : public MailboxTest {
protected:
    ForwardTest() {
        account = {"alice", ::geteuid(), ::getegid(), directory.path(), "/bin/sh"};
        ::chmod(directory.path().c_str(), 0755);
    }
    void forward(const std::string& text, mode_t mode = 0644) {
        ::unlink(path.c_str());
        put(path, text);
        ::chmod(path.c_str(), mode);
    }

    Account account;
    std::string path = directory / ".forward";
};

TEST_F(ForwardTest, IsReadWithAllKindsOfTargets) {
    forward("\\alice, bob@example.com\n\"|/usr/bin/vacation alice\"\n/home/x/mbox\n");
    const auto result = read_forward(files, account);
    ASSERT_TRUE(result);
    ASSERT_THAT(result->targets, SizeIs(4));
    EXPECT_EQ(result->targets[0].kind, Kind::mailbox);
    EXPECT_EQ(result->targets[2].text, "/usr/bin/vacation alice");
    EXPECT_THAT(result->notes, SizeIs(0));
}

TEST_F(ForwardTest, IsNoneWhereThereIsNone) {
    EXPECT_THAT(read_forward(files, account)->targets, SizeIs(0));
    account.home = directory / "gone";
    EXPECT_THAT(read_forward(files, account)->targets, SizeIs(0));
}

TEST_F(ForwardTest, IsIgnoredWhenOthersCouldHaveWrittenIt) {
    struct Case {
        const char* reason;
        std::function<void()> make;
    };
    const std::string other = directory / "other";
    const std::vector<Case> cases = {
        {"may be written by its group", [&] { forward("x@y\n", 0664); }},
        {"may be written by everybody", [&] { forward("x@y\n", 0646); }},
        {"is a symbolic link",
         [&] {
             put(other, "x@y\n");
             EXPECT_EQ(::symlink(other.c_str(), path.c_str()), 0);
         }},
        {"another name",
         [&] {
             forward("x@y\n");
             EXPECT_EQ(::link(path.c_str(), (directory / "again").c_str()), 0);
         }},
        {"not a regular file", [&] { EXPECT_EQ(::mkfifo(path.c_str(), 0644), 0); }},
        {"not a regular file", [&] { EXPECT_EQ(::mkdir(path.c_str(), 0755), 0); }},
        {"directory may be written by its group",
         [&] {
             forward("x@y\n");
             ::chmod(directory.path().c_str(), 0775);
         }},
        {"directory may be written by everybody", [&] {
             forward("x@y\n");
             ::chmod(directory.path().c_str(), 0757);
         }}};
    for (const Case& one : cases) {
        ::unlink(path.c_str());
        ::unlink(other.c_str());
        ::unlink((directory / "again").c_str());
        one.make();
        const auto result = read_forward(files, account);
        ASSERT_TRUE(result) << one.reason;
        EXPECT_THAT(result->targets, SizeIs(0)) << one.reason;
        ASSERT_THAT(result->notes, SizeIs(1)) << one.reason;
        EXPECT_THAT(result->notes[0], HasSubstr(one.reason));
        ::rmdir(path.c_str());
        ::chmod(directory.path().c_str(), 0755);
    }
}

TEST_F(ForwardTest, IsIgnoredWhenItOrTheHomeIsSomebodyElses) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root";
    }
    account.uid = 1234;
    forward("x@y\n");
    EXPECT_THAT(read_forward(files, account)->targets, SizeIs(1)) << "root's is as good";
    ASSERT_EQ(::chown(path.c_str(), 1235, 0), 0);
    EXPECT_THAT(read_forward(files, account)->targets, SizeIs(0));
    ASSERT_EQ(::chown(path.c_str(), 1234, 0), 0);
    EXPECT_THAT(read_forward(files, account)->targets, SizeIs(1));
    ASSERT_EQ(::chown(directory.path().c_str(), 1235, 0), 0);
    EXPECT_THAT(read_forward(files, account)->targets, SizeIs(0));
}

TEST_F(ForwardTest, MakesTheMailWaitWhenItCannotBeRead) {
    forward("x@y\n");
    for (const char* call : {"read", "fstat", "open"}) {
        files.fail(1, EIO, call);
        EXPECT_FALSE(read_forward(files, account)) << call;
        files.heal();
    }
    forward(std::string(kMaxForwardFile + 1, '#'));
    EXPECT_FALSE(read_forward(files, account));
    std::string many;
    for (std::size_t i = 0; i <= kMaxForwardTargets; ++i) {
        many += "a" + std::to_string(i) + "@x\n";
    }
    forward(many);
    EXPECT_FALSE(read_forward(files, account));
}

TEST_F(ForwardTest, NeitherItsIncludesNorWhatIsSaidOfItGrowWithoutBound) {
    const std::string list = directory / "list";
    std::string files_only;
    for (int i = 0; i < 1000; ++i) {
        files_only += "/a\n";
    }
    put(list, files_only);
    forward(":include:" + list + "\na@x.test\n");
    const auto noted = read_forward(files, account);
    ASSERT_TRUE(noted);
    EXPECT_EQ(noted->notes.size(), kMaxForwardNotes);
    EXPECT_EQ(noted->targets.size(), 1U);

    put(list, "");
    std::string many;
    for (std::size_t i = 0; i <= kMaxIncludes; ++i) {
        many += ":include:" + list + "\n";
    }
    forward(many);
    EXPECT_FALSE(read_forward(files, account));
}

TEST_F(ForwardTest, FollowsIncludedFilesForAddressesOnly) {
    const std::string list = directory / "list";
    put(list, "bob@example.com\n\"|/bin/evil\"\n/etc/passwd\n");
    forward(":include:" + list + "\n");
    const auto result = read_forward(files, account);
    ASSERT_TRUE(result);
    ASSERT_THAT(result->targets, SizeIs(1));
    EXPECT_EQ(result->targets[0].address.text(), "bob@example.com");
    EXPECT_THAT(result->notes, SizeIs(2));
    put(list, ":include:" + list + "\n");
    EXPECT_FALSE(read_forward(files, account)) << "it includes itself";
    forward(":include:/nowhere\n");
    EXPECT_FALSE(read_forward(files, account));
    ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0644), 0);
    forward(":include:" + (directory / "pipe") + "\n");
    EXPECT_FALSE(read_forward(files, account));
}

}  // namespace

}  // namespace mxpost::local
