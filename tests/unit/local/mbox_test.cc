#include "local/mbox.h"

#include <array>
#include <cerrno>

#include <sys/wait.h>

#include "local/dot_lock.h"
#include "unit/local/mailbox_test.h"

namespace mxpost::local {

namespace {

using mail::OutcomeKind;

constexpr const char* kFrom = "From bob@example.com Mon Jan  1 12:00:00 2024";
constexpr const char* kOld = "From a@b Mon Jan  1 11:00:00 2024\nSubject: old\n\nold\n\n";
constexpr const char* kMessage = "Subject: new\n\nFrom here on\nnew\n";
constexpr const char* kStored =
    "From bob@example.com Mon Jan  1 12:00:00 2024\nSubject: new\n\n>From here on\nnew\n\n";

class MboxTest : public MailboxTest {
protected:
    MboxTest() : mbox{directory / "alice", ::geteuid(), 0660, true} { ::umask(007); }

    mail::RecipientOutcome append(const std::string& text = kMessage) {
        const MessageReader reader = message(text);
        return append_to_mbox(tools, mbox, reader, kFrom);
    }
    std::string lock() const { return mbox.path + ".lock"; }
    /// A lock file that says of a message which is there that its delivery was killed.
    void put_false_mark() {
        put(mbox.path, kOld);
        struct stat status {};
        ASSERT_EQ(::stat(mbox.path.c_str(), &status), 0);
        put(lock(), LockMark{status.st_ino, 0, 1000}.text());
    }

    MboxFile mbox;
};

TEST_F(MboxTest, AppendsWithFromLineQuotesAndAnEmptyLine) {
    put(mbox.path, kOld);
    EXPECT_EQ(append().kind, OutcomeKind::delivered);
    EXPECT_EQ(content_of(mbox.path), std::string(kOld) + kStored);
    EXPECT_FALSE(exists(lock()));
    EXPECT_GE(files.count("fsync"), 1U);
}

TEST_F(MboxTest, MakesAMailboxForUserAndGroup) {
    EXPECT_EQ(append().kind, OutcomeKind::delivered);
    EXPECT_EQ(content_of(mbox.path), kStored);
    struct stat status {};
    ASSERT_EQ(::stat(mbox.path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0660U);
    EXPECT_EQ(files.count("fsync"), 2U) << "the file and its directory";
}

TEST_F(MboxTest, QuotesHoweverTheMessageIsCut) {
    for (std::size_t size = 1; size < 9; ++size) {
        ::unlink(mbox.path.c_str());
        files.limit_reads(size);
        EXPECT_EQ(
            append("Subject: x\n\nFrom me\nFro\nFromage\n From\n>From\nFrom x\nFrom").kind,
            OutcomeKind::delivered
        );
        EXPECT_EQ(
            content_of(mbox.path),
            std::string(kFrom) +
                "\nSubject: x\n\n>From me\nFro\nFromage\n From\n>From\n>From x\nFrom\n\n"
        ) << size;
    }
}

TEST_F(MboxTest, LeavesNothingOfAMessageThatCouldNotBeWritten) {
    for (const bool is_new : {false, true}) {
        const std::string before = is_new ? "" : kOld;
        for (std::size_t nth = 1; nth < 40; ++nth) {
            ::unlink(mbox.path.c_str());
            ::unlink(lock().c_str());
            if (!is_new) {
                put(mbox.path, before);
            }
            const MessageReader reader = message(kMessage);
            files.tear_writes(7);
            files.fail(nth, EIO);
            const auto outcome = append_to_mbox(tools, mbox, reader, kFrom);
            files.heal();
            const bool is_delivered = outcome.kind == OutcomeKind::delivered;
            EXPECT_NE(outcome.kind, OutcomeKind::failed);
            EXPECT_EQ(content_of(mbox.path), is_delivered ? before + kStored : before)
                << nth << " " << outcome.text;
        }
    }
}

TEST_F(MboxTest, DefersWithMailboxFullWhereThereIsNoRoom) {
    put(mbox.path, kOld);
    for (const int error : {ENOSPC, EDQUOT, EFBIG}) {
        files.tear_writes(20);
        // The second write: the first one marks the lock file.
        files.fail(2, error, "write");
        const auto outcome = append();
        EXPECT_EQ(outcome.kind, OutcomeKind::deferred);
        EXPECT_EQ(outcome.status.text(), "4.2.2") << outcome.text;
        EXPECT_EQ(content_of(mbox.path), kOld);
        EXPECT_FALSE(exists(lock()));
    }
    EXPECT_EQ(append().kind, OutcomeKind::delivered);
}

/// Killed at any call, then delivered again as the queue does it.
TEST_F(MboxTest, HoldsTheMessageOnceAfterADeathAtAnyCall) {
    clock.jump_to(SystemClock().now());  // lock files have the system's time
    std::size_t mended = 0;
    for (std::size_t nth = 1; nth < 40; ++nth) {
        ::unlink(lock().c_str());
        put(mbox.path, kOld);
        {
            test::FailingFileSystem dying(real);
            dying.stop_before(nth);
            const MailboxTools dying_tools{dying, clock, random, tools.pause, tools.warn};
            const MessageReader reader = message(kMessage);
            try {
                (void)append_to_mbox(dying_tools, mbox, reader, kFrom);
                nth = 40;  // as many calls as it makes
            } catch (const test::Stopped&) {
            }
        }
        if (nth == 40) {
            break;
        }
        const bool was_torn = content_of(mbox.path) != kOld;
        auto outcome = append();
        if (outcome.kind == OutcomeKind::deferred) {
            EXPECT_FALSE(was_torn) << nth;
            EXPECT_EQ(content_of(lock()), "") << "a lock file that says nothing is waited for";
            clock.advance(DotLock::kStaleAfter + std::chrono::minutes(1));
            outcome = append();
            clock.jump_to(SystemClock().now());
        }
        mended += was_torn ? 1U : 0U;
        EXPECT_EQ(outcome.kind, OutcomeKind::delivered) << nth << " " << outcome.text;
        EXPECT_EQ(content_of(mbox.path), std::string(kOld) + kStored) << nth;
        EXPECT_FALSE(exists(lock())) << nth;
    }
    EXPECT_GE(mended, 3U);
    EXPECT_GE(warnings.size(), mended);
}

TEST_F(MboxTest, CutsNothingWhenSomethingWasAddedSince) {
    const std::string torn = std::string(kOld) + kFrom + "\nSubject: ne";
    put(mbox.path, torn + "\n\nFrom c@d Mon Jan  1 13:00:00 2024\n\nmine\n\n");
    struct stat status {};
    ASSERT_EQ(::stat(mbox.path.c_str(), &status), 0);
    put(lock(), LockMark{status.st_ino, std::string(kOld).size(), 1000}.text());
    EXPECT_EQ(append().kind, OutcomeKind::delivered);
    EXPECT_EQ(
        content_of(mbox.path), torn + "\n\nFrom c@d Mon Jan  1 13:00:00 2024\n\nmine\n\n" + kStored
    );
    ASSERT_EQ(warnings.size(), 1U);
    EXPECT_NE(warnings[0].find("torn"), std::string::npos);
}

// In a directory such as /tmp nobody but its owner can remove the file.
TEST_F(MboxTest, BelievesNoMarkThatItCantRemove) {
    put_false_mark();
    mbox.is_lock_file_must = false;
    files.fail(1, EPERM, "unlink");
    EXPECT_EQ(append().kind, OutcomeKind::delivered);
    EXPECT_EQ(content_of(mbox.path), std::string(kOld) + kStored);
    EXPECT_TRUE(exists(lock()));
}

TEST_F(MboxTest, BelievesNoMarkOfAnotherUser) {
    clock.jump_to(SystemClock().now());
    put_false_mark();
    if (::chown(lock().c_str(), ::geteuid() + 1, static_cast<gid_t>(-1)) != 0) {
        GTEST_SKIP() << "needs root, to make a file of somebody else's";
    }
    EXPECT_EQ(append().kind, OutcomeKind::deferred) << "any other program's lock file";
    clock.advance(DotLock::kStaleAfter);
    EXPECT_EQ(append().kind, OutcomeKind::delivered);
    EXPECT_EQ(content_of(mbox.path), std::string(kOld) + kStored);
}

TEST_F(MboxTest, BelievesNoMarkThatHasAnotherName) {
    clock.jump_to(SystemClock().now());
    put_false_mark();
    ASSERT_EQ(::link(lock().c_str(), (directory / "elsewhere").c_str()), 0);
    clock.advance(DotLock::kStaleAfter);
    EXPECT_EQ(append().kind, OutcomeKind::delivered);
    EXPECT_EQ(content_of(mbox.path), std::string(kOld) + kStored);
}

// It got its inode from the file that a mail reader has replaced meanwhile.
TEST_F(MboxTest, ForgetsAMarkWhenItHasToTryAgain) {
    put_false_mark();
    bool is_replaced = false;
    files.on_call = [&](const std::string& call) {
        if (call == "unlink" && !is_replaced) {
            is_replaced = true;
            put(directory / "rewritten", kOld);
            ASSERT_EQ(::rename((directory / "rewritten").c_str(), mbox.path.c_str()), 0);
        }
    };
    EXPECT_EQ(append().kind, OutcomeKind::delivered);
    EXPECT_EQ(content_of(mbox.path), std::string(kOld) + kStored);
}

TEST_F(MboxTest, ClosesATornLastLine) {
    put(mbox.path, "From a@b Mon Jan  1 11:00:00 2024\nSubject: torn");
    EXPECT_EQ(append().kind, OutcomeKind::delivered);
    EXPECT_EQ(
        content_of(mbox.path),
        "From a@b Mon Jan  1 11:00:00 2024\nSubject: torn\n\n" + std::string(kStored)
    );
    EXPECT_EQ(warnings.size(), 1U);
}

TEST_F(MboxTest, WaitsForALockFileAndThenDefers) {
    clock.jump_to(SystemClock().now());
    put(mbox.path, kOld);
    put(lock(), "0");
    const SteadyTime begun = clock.steady_now();
    const auto outcome = append();
    EXPECT_EQ(outcome.kind, OutcomeKind::deferred);
    EXPECT_NE(outcome.text.find("locked by another program"), std::string::npos);
    EXPECT_GE(clock.steady_now() - begun, kLockWait);
    EXPECT_EQ(content_of(mbox.path), kOld);
    EXPECT_EQ(content_of(lock()), "0") << "it is another program's";
    clock.advance(DotLock::kStaleAfter);
    EXPECT_EQ(append().kind, OutcomeKind::delivered);
}

TEST_F(MboxTest, WaitsForAnotherProgramsFcntlLock) {
    put(mbox.path, kOld);
    std::array<int, 2> ready{};
    std::array<int, 2> release{};
    ASSERT_EQ(::pipe(ready.data()), 0);
    ASSERT_EQ(::pipe(release.data()), 0);
    const pid_t reader = ::fork();
    if (reader == 0) {
        const int fd = ::open(mbox.path.c_str(), O_RDWR);
        struct flock lock {};
        lock.l_type = F_WRLCK;
        char byte = ::fcntl(fd, F_SETLK, &lock) == 0 ? 'y' : 'n';
        (void)!::write(ready[1], &byte, 1);
        ::close(release[1]);
        (void)!::read(release[0], &byte, 1);
        ::_exit(0);
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ASSERT_EQ(byte, 'y');
    EXPECT_EQ(append().kind, OutcomeKind::deferred);
    EXPECT_FALSE(exists(lock())) << "who waits holds no lock";
    ::close(release[0]);
    ::close(release[1]);
    ::waitpid(reader, nullptr, 0);
    EXPECT_EQ(append().kind, OutcomeKind::delivered);
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_F(MboxTest, LocksTheFileThatHasTheNameNow) {
    // A mail reader puts a new file in its place between open and lock: seen as a failing open of
    // the lock file, after which the name leads elsewhere.
    put(mbox.path, kOld);
    put(lock(), "0");
    clock.jump_to(SystemClock().now());
    bool is_replaced = false;
    tools.pause = [&](std::chrono::milliseconds time) {
        clock.advance(time);
        if (!is_replaced) {
            is_replaced = true;
            put(directory / "rewritten", "");
            ASSERT_EQ(::rename((directory / "rewritten").c_str(), mbox.path.c_str()), 0);
            ::unlink(lock().c_str());
        }
    };
    EXPECT_EQ(append().kind, OutcomeKind::delivered);
    EXPECT_EQ(content_of(mbox.path), kStored);
}

TEST_F(MboxTest, FollowsNoLinkAndTakesNoOthersFile) {
    const std::string other = directory / "other";
    put(other, "secret");
    ASSERT_EQ(::symlink(other.c_str(), mbox.path.c_str()), 0);
    EXPECT_EQ(append().kind, OutcomeKind::deferred);
    ::unlink(mbox.path.c_str());
    ASSERT_EQ(::link(other.c_str(), mbox.path.c_str()), 0);
    EXPECT_NE(append().text.find("hard link"), std::string::npos);
    ::unlink(mbox.path.c_str());
    ASSERT_EQ(::mkfifo(mbox.path.c_str(), 0600), 0);
    EXPECT_NE(append().text.find("not a regular file"), std::string::npos);
    ::unlink(mbox.path.c_str());
    put(mbox.path, kOld);
    mbox.owner = ::geteuid() + 1;
    EXPECT_NE(append().text.find("belongs to uid"), std::string::npos);
    EXPECT_EQ(content_of(other), "secret");
    EXPECT_EQ(content_of(mbox.path), kOld);
}

TEST_F(MboxTest, FilesNeedNoLockFileButMailboxesDo) {
    put(mbox.path, kOld);
    const auto try_append = [&](bool is_must) {
        files.heal();
        mbox.is_lock_file_must = is_must;
        files.fail(3, EACCES, "open");  // directory, mailbox, lock file
        return append();
    };
    EXPECT_EQ(try_append(true).kind, OutcomeKind::deferred);
    EXPECT_EQ(content_of(mbox.path), kOld);
    EXPECT_EQ(try_append(false).kind, OutcomeKind::delivered);
    EXPECT_EQ(content_of(mbox.path), std::string(kOld) + kStored);
}

TEST_F(MboxTest, TrustsNoMessageThatShrinks) {
    put(mbox.path, kOld);
    const MessageReader reader = message(kMessage);
    ASSERT_EQ(::ftruncate(messages.back().get(), 5), 0);
    EXPECT_EQ(append_to_mbox(tools, mbox, reader, kFrom).kind, OutcomeKind::deferred);
    EXPECT_EQ(content_of(mbox.path), kOld);
}

TEST(FromLine, NamesTheSenderInOneWord) {
    ::setenv("TZ", "UTC0", 1);
    ::tzset();
    const WallTime now{std::chrono::seconds(1704110400)};
    EXPECT_EQ(from_line("", now), "From MAILER-DAEMON Mon Jan  1 12:00:00 2024");
    EXPECT_EQ(from_line("\"a\nFrom b\"@x", now), "From \"a_From_b\"@x Mon Jan  1 12:00:00 2024");
}

TEST(LockMark, IsReadAsWritten) {
    const LockMark mark{12, 34567, 8};
    EXPECT_EQ(LockMark::parse(mark.text()), mark);
    for (const char* bad : {"", "0", "0\nmxpost 1 2\n", "0\nmxpost 1 2 x\n", "0\nmxpost 1 2 3"}) {
        EXPECT_FALSE(LockMark::parse(bad)) << bad;
    }
}

}  // namespace

}  // namespace mxpost::local
