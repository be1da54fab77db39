#include "local/program.h"

#include <csignal>

#include <gmock/gmock.h>

#include <unistd.h>

#include "unit/local/mailbox_test.h"

namespace mxpost::local {

namespace {

using mail::OutcomeKind;
using ::testing::HasSubstr;

class ProgramTest : public MailboxTest {
protected:
    ProgramTest() { ::signal(SIGPIPE, SIG_IGN); }

    mail::RecipientOutcome run(
        const std::string& script, const std::string& text = "Subject: x\n"
    ) {
        Program program;
        program.command = "script";
        program.words = {"/bin/sh", "-c", script};
        return run(std::move(program), text);
    }
    mail::RecipientOutcome run(Program program, const std::string& text) {
        const Account account{"alice", ::geteuid(), ::getegid(), directory.path(), "/bin/bash"};
        program.environment = program_environment(
            account, {"alice", "b`id`;ob@example.com", "alice+x@h.example", "root@h.example"}
        );
        program.directory = directory.path();
        program.time_limit = time_limit;
        program.group = ::getegid();
        const MessageReader reader = message(text);
        return run_program(program, reader, "From x");
    }

    std::chrono::seconds time_limit{60};
};

TEST_F(ProgramTest, GetsTheMessageBehindAFromLine) {
    EXPECT_EQ(run("cat > got", "Subject: x\n\nFrom me\n").kind, OutcomeKind::delivered);
    EXPECT_EQ(content_of(directory / "got"), "From x\nSubject: x\n\nFrom me\n");
}

TEST_F(ProgramTest, HasACleanEnvironment) {
    ::setenv("MXPOST_SECRET", "x", 1);
    ::setenv("LD_PRELOAD_X", "x", 1);
    ASSERT_EQ(run("env | sort | grep -v -e ^PWD -e ^_ > env").kind, OutcomeKind::delivered);
    EXPECT_EQ(
        content_of(directory / "env"),
        "DOMAIN=h.example\nHOME=" + directory.path() +
            "\nLANG=C\nLOCAL=alice+x\nLOGNAME=alice\nORIGINAL_RECIPIENT=root@h.example\n"
            "PATH=/usr/local/bin:/usr/bin:/bin\nRECIPIENT=alice+x@h.example\n"
            "SENDER=b_id__ob@example.com\nSHELL=/bin/bash\nTZ=UTC0\nUSER=alice\n"
    );
}

TEST_F(ProgramTest, HasNoDescriptorsAndAnOwnSession) {
    const Fd leaked(::open("/dev/null", O_RDONLY));  // without FD_CLOEXEC
    ASSERT_EQ(
        run("ls /proc/self/fd | wc -l > fds; ps -o sid= -p $$ > sid || true; umask > mask; "
            "ulimit -c > core")
            .kind,
        OutcomeKind::delivered
    );
    EXPECT_EQ(content_of(directory / "fds"), "4\n") << "0 to 2, and the directory that ls reads";
    EXPECT_EQ(content_of(directory / "mask"), "0077\n");
    EXPECT_EQ(content_of(directory / "core"), "0\n");
}

TEST_F(ProgramTest, SaysWithItsExitStatusWhatBecameOfTheMail) {
    EXPECT_EQ(run("cat >/dev/null; exit 75").kind, OutcomeKind::deferred);
    const auto unknown = run("cat >/dev/null; echo no such person >&2; echo more; exit 67");
    EXPECT_EQ(unknown.kind, OutcomeKind::failed);
    EXPECT_EQ(unknown.status.text(), "5.1.1");
    EXPECT_EQ(unknown.text, "|script: exit status 67: no such person");
    EXPECT_EQ(run("exit 77").status.text(), "5.7.0");
    EXPECT_EQ(run("exit 1").status.text(), "5.3.0");
    EXPECT_EQ(run("exit 71").kind, OutcomeKind::deferred);
    EXPECT_EQ(run("kill -9 $$").kind, OutcomeKind::deferred);
}

TEST_F(ProgramTest, NeedNotReadItsInput) {
    EXPECT_EQ(run("exit 0", std::string(1 << 20, 'x')).kind, OutcomeKind::delivered);
}

TEST_F(ProgramTest, IsNotWaitedForBecauseOfWhatItLeftBehind) {
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(run("sleep 50 & exit 0").kind, OutcomeKind::delivered);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
}

TEST_F(ProgramTest, IsKilledWithItsGroupWhenItTakesTooLong) {
    time_limit = std::chrono::seconds(1);
    const auto outcome = run("sleep 100 & echo $! > pid; wait");
    EXPECT_EQ(outcome.kind, OutcomeKind::deferred);
    EXPECT_THAT(outcome.text, HasSubstr("killed after 1 seconds"));
    const pid_t left = std::stoi(content_of(directory / "pid"));
    // The signal has been sent; on a busy machine it takes a while until the process obeys.
    const auto is_gone = [&] {
        const std::string state = content_of("/proc/" + std::to_string(left) + "/stat");
        return state.empty() || state.find(") Z") != std::string::npos;
    };
    for (int i = 0; i < 1000 && !is_gone(); ++i) {
        ::usleep(10'000);
    }
    EXPECT_TRUE(is_gone());
    time_limit = std::chrono::seconds(1);
    EXPECT_EQ(run("exec sleep 100", std::string(1 << 20, 'x')).kind, OutcomeKind::deferred)
        << "it reads nothing, and the pipe is full";
}

TEST_F(ProgramTest, MaySayAnythingButOnlyTheStartIsKept) {
    const auto outcome = run("cat >/dev/null; yes 'a\tb' | head -c 3000000; exit 1");
    EXPECT_EQ(outcome.text, "|script: exit status 1: a?b");
}

TEST_F(ProgramTest, ThatCannotBeRunWaits) {
    Program program;
    program.command = "/no/such program";
    program.words = {"/no/such"};
    const auto outcome = run(std::move(program), "x");
    EXPECT_EQ(outcome.kind, OutcomeKind::deferred);
    EXPECT_EQ(outcome.text, "|/no/such program: can't be run: No such file or directory");
    Program found;
    found.words = {"true"};
    EXPECT_EQ(run(std::move(found), "x").kind, OutcomeKind::delivered) << "found in PATH";
}

}  // namespace

}  // namespace mxpost::local
