#include "submit/engine_starter.h"

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "support/needs_vfork.h"
#include "support/temporary_directory.h"

namespace mxpost::submit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string content_of(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

/// An "engine" that is a shell script; it writes what it finds to descriptor 3.
class EngineStarterTest : public testing::Test {
protected:
    EngineStarterTest() : output_(directory_ / "output"), script_(directory_ / "engine") {
        output_fd_ = Fd(::open(output_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    }

    std::string run(const std::string& script, std::vector<std::string> environment = {}) {
        std::ofstream(script_) << "#!/bin/sh\n" << script;
        ::chmod(script_.c_str(), 0700);
        const EngineStarter starter(script_, std::move(environment));
        const auto child = starter.start({{"run", "--box-fd", "3"}, {output_fd_.get()}, false});
        EXPECT_TRUE(child) << child.error().message();
        if (child) {
            int status = 0;
            ::waitpid(*child, &status, 0);
            EXPECT_EQ(status, 0);
        }
        return content_of(output_);
    }

    test::TemporaryDirectory directory_;
    std::string output_;
    std::string script_;
    Fd output_fd_;
};

TEST_F(EngineStarterTest, PassesArgumentsAndOnlyTheGivenEnvironment) {
    ::setenv("MXPOST_UNWANTED", "x", 1);
    const std::string seen =
        run("echo \"$@\" >&3; tr '\\0' '\\n' < /proc/$$/environ >&3", {"TZ=UTC"});
    ::unsetenv("MXPOST_UNWANTED");
    EXPECT_EQ(seen, "run --box-fd 3\nTZ=UTC\n");
}

TEST_F(EngineStarterTest, LeavesNothingOfTheCallersBehind) {
    // Inherited by anything that doesn't close it.
    const Fd leak(::open("/dev/zero", O_RDONLY));
    const Fd high(::fcntl(leak.get(), F_DUPFD, 200));
    const mode_t mask = ::umask(0);
    struct sigaction old {};
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGUSR1, &ignore, &old);
    sigset_t blocked;
    sigset_t old_set;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGUSR2);
    ::sigprocmask(SIG_BLOCK, &blocked, &old_set);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    rlimit lowered = limit;
    lowered.rlim_cur = 1 << 20;
    ::setrlimit(RLIMIT_FSIZE, &lowered);

    const std::string seen =
        run("ls -l /proc/$$/fd | sed -n 's/.* \\([0-9]*\\) -> \\(.*\\)/\\1 \\2/p' | sort -n > "
            "\"$0.fds\"\n"
            // Without a child: the shell blocks signals while it makes one.
            "while read -r line; do case $line in SigBlk*|SigIgn*) echo \"$line\";; esac; done "
            "< /proc/$$/status > \"$0.signals\"\n"
            "{ pwd; umask; ulimit -S -f; awk '{ print ($1 == $6) }' /proc/$$/stat; } >&3\n");

    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::sigprocmask(SIG_SETMASK, &old_set, nullptr);
    ::sigaction(SIGUSR1, &old, nullptr);
    ::umask(mask);
    const std::string hard_limit =
        limit.rlim_max == RLIM_INFINITY ? "unlimited" : std::to_string(limit.rlim_max / 512);
    EXPECT_EQ(seen, "/\n0022\n" + hard_limit + "\n1\n");  // the last: its own session
    // The shell itself opens its script at 10 and above.
    const std::string descriptors = content_of(script_ + ".fds");
    EXPECT_THAT(
        descriptors,
        testing::StartsWith("0 /dev/null\n1 /dev/null\n2 /dev/null\n3 " + output_ + "\n")
    );
    EXPECT_THAT(descriptors, testing::Not(HasSubstr("/dev/zero")));
    const std::string signals = content_of(script_ + ".signals");
    EXPECT_THAT(signals, HasSubstr("SigBlk:\t0000000000000000"));
    EXPECT_THAT(signals, HasSubstr("SigIgn:\t0000000000000000"));
}

TEST_F(EngineStarterTest, PlacesDescriptorsWhateverTheirNumbersWere) {
    // The first wants to become 3, where the second may be, and the other way round.
    const std::string second_path = directory_ / "second";
    const Fd second(::open(second_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    std::ofstream(script_) << "#!/bin/sh\necho three >&3\necho four >&4\n";
    ::chmod(script_.c_str(), 0700);
    const Fd at_four(::fcntl(output_fd_.get(), F_DUPFD_CLOEXEC, 4));
    for (const auto& [first, other] :
         {std::pair{at_four.get(), second.get()}, {second.get(), at_four.get()}}) {
        const auto child = EngineStarter(script_, {}).start({{}, {first, other}, false});
        ASSERT_TRUE(child);
        ::waitpid(*child, nullptr, 0);
    }
    EXPECT_EQ(content_of(output_), "three\nfour\n");
    EXPECT_EQ(content_of(second_path), "four\nthree\n");
}

TEST_F(EngineStarterTest, SaysWhyItCouldNotStart) {
    MXPOST_NEEDS_VFORK();
    const auto missing = EngineStarter(directory_ / "none", {}).start({{}, {}, false});
    ASSERT_FALSE(missing);
    EXPECT_TRUE(missing.error().is(ENOENT));
    const auto no_program = EngineStarter(directory_.path(), {}).start({{}, {}, false});
    ASSERT_FALSE(no_program);
    EXPECT_TRUE(no_program.error().is(EACCES));
    // No child was left behind.
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(EngineEnvironment, KeepsTimeZoneLocaleAndOurSettings) {
    const char* const environment[] = {
        "PATH=/evil",
        "TZ=Europe/Berlin",
        "LD_PRELOAD=x",
        "LANG=C",
        "LC_ALL=C.UTF-8",
        "MXPOST_LOG=/x",
        nullptr};
    const std::vector<std::string> settings{"MXPOST_TLS=none"};
    EXPECT_THAT(
        engine_environment(environment, settings),
        ElementsAre("TZ=Europe/Berlin", "LANG=C", "LC_ALL=C.UTF-8", "MXPOST_TLS=none")
    );
}

}  // namespace
}  // namespace mxpost::submit
