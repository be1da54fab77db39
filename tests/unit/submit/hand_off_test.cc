#include "submit/hand_off.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>

#include "submission_fixture.h"
#include "submit/queue.h"
#include "support/needs_vfork.h"

namespace mxpost::submit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class HandOff : public SubmissionFixture {
protected:
    HandOff() { call_.operands = {"a@x.test", "b@y.test"}; }

    /// An engine that is a shell script.
    EngineStarter engine(const std::string& script) {
        const std::string path = directory_ / "engine";
        std::ofstream(path) << "#!/bin/sh\ncd " << directory_.path() << "\n" << script;
        ::chmod(path.c_str(), 0700);
        return {path, {}};
    }

    spool::OutcomeRecord delivered(std::uint32_t recipient) {
        return {recipient, clock_.now(), {mail::OutcomeKind::delivered, {2, 0, 0}, "ok"}};
    }

    SystemClock real_clock_;
};

TEST_F(HandOff, StartsAnEngineThatHoldsTheBoxsLock) {
    auto result = submit("hi\n");
    ASSERT_TRUE(result.accepted);
    const std::string path = result.accepted->box->path();
    ASSERT_EQ(::mkfifo((directory_ / "call").c_str(), 0600), 0);
    EXPECT_TRUE(hand_off(
        disk_, log_, engine("echo \"$@\" > call; exec sleep 30"), std::move(*result.accepted->box)
    ));
    std::string arguments;
    std::getline(std::ifstream(directory_ / "call"), arguments);  // waits for the engine
    EXPECT_EQ(arguments, "run --box-fd 3");
    // Our own descriptor is closed by now; the lock lives on in the engine.
    auto box = spool::adopt_box(disk_, Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY)), path);
    EXPECT_FALSE(disk_.try_lock(box->directory()).value());
    EXPECT_TRUE(hand_off(disk_, log_, engine("exit 1"), std::move(*box)));  // it has one
    int status = 0;
    EXPECT_EQ(::waitpid(-1, &status, WNOHANG), 0);  // only the first was started
    // Ends the one child that this test made.
    std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    pid_t child = 0;
    ASSERT_TRUE(children >> child);
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
}

TEST_F(HandOff, LeavesTheBoxToASystemEngineThatIsAboutToTakeIt) {
    auto result = submit("hi\n");
    const std::string path = result.accepted->box->path();
    const Fd entry(::open((path + "/.system").c_str(), O_RDWR | O_CREAT, 0666));
    ASSERT_TRUE(disk_.try_lock(entry.get()).value());
    log_.lines.clear();
    EXPECT_TRUE(hand_off(
        disk_, log_, EngineStarter(directory_ / "none", {}), std::move(*result.accepted->box)
    ));
    EXPECT_THAT(log_.lines, testing::IsEmpty());  // nothing was started
    const Fd again(::open(path.c_str(), O_RDONLY | O_DIRECTORY));
    EXPECT_TRUE(disk_.try_lock(again.get()).value());
}

TEST_F(HandOff, AnEngineThatCantStartIsLoggedAndTheLockIsFreeAgain) {
    MXPOST_NEEDS_VFORK();
    auto result = submit("hi\n");
    const std::string path = result.accepted->box->path();
    log_.lines.clear();
    EXPECT_FALSE(hand_off(
        disk_, log_, EngineStarter(directory_ / "none", {}), std::move(*result.accepted->box)
    ));
    EXPECT_THAT(log_.lines, ElementsAre(HasSubstr("can't start the engine")));
    const Fd again(::open(path.c_str(), O_RDONLY | O_DIRECTORY));
    EXPECT_TRUE(disk_.try_lock(again.get()).value());
}

TEST_F(HandOff, FollowsTheJournalUntilEachRecipientHasAnOutcome) {
    auto result = submit("hi\n");
    const Accepted& accepted = *result.accepted;
    const std::string records =
        spool::encode_record(delivered(0)) + spool::encode_record(delivered(1));
    ASSERT_TRUE(
        disk_.pwrite(accepted.committed->file.get(), records, accepted.committed->journal_offset)
    );
    Outcomes outcomes(accepted.envelope, {});
    follow(disk_, real_clock_, *accepted.committed, 0, std::chrono::seconds(60), outcomes);
    EXPECT_TRUE(outcomes.is_complete());
}

TEST_F(HandOff, FollowingEndsWithTheMessageAndWithTheTimeout) {
    auto result = submit("hi\n");
    const Accepted& accepted = *result.accepted;
    ASSERT_TRUE(disk_.pwrite(
        accepted.committed->file.get(),
        spool::encode_record(delivered(1)),
        accepted.committed->journal_offset
    ));
    Outcomes timed_out(accepted.envelope, {});
    follow(disk_, real_clock_, *accepted.committed, 0, std::chrono::seconds(0), timed_out);
    EXPECT_FALSE(timed_out.is_complete());
    ASSERT_TRUE(disk_.unlink(accepted.box->directory(), accepted.committed->name.text()));
    Outcomes removed(accepted.envelope, {});
    follow(disk_, real_clock_, *accepted.committed, 0, std::chrono::seconds(60), removed);
    EXPECT_TRUE(removed.all()[1]);
    EXPECT_FALSE(removed.all()[0]);
}

TEST_F(HandOff, FollowingEndsWithAnEngineThatFails) {
    MXPOST_NEEDS_VFORK();
    auto result = submit("hi\n");
    Accepted& accepted = *result.accepted;
    const HandedOff handed = hand_off(disk_, log_, engine("exit 78"), std::move(*accepted.box));
    ASSERT_GT(handed.started, 0);
    Outcomes outcomes(accepted.envelope, {});
    follow(
        disk_, real_clock_, *accepted.committed, handed.started, std::chrono::seconds(60), outcomes
    );
    EXPECT_THAT(outcomes.note(), HasSubstr("exit status 78"));
}

TEST_F(HandOff, AMessageInMemoryGoesToAnEngineThatReportsThroughAPipe) {
    settings_.spool = directory_ / "none";
    auto result = submit("Subject: x\n\nhi\n");
    ASSERT_TRUE(result.accepted);
    std::ofstream(directory_ / "records")
        << spool::encode_record(delivered(0)) << spool::encode_record(delivered(1));
    Outcomes outcomes(result.accepted->envelope, {});
    const auto sent = send_from_memory(
        engine("echo \"$@\" > call; cat /proc/self/fd/3 > message; cat records >&4; echo x "
               "2>/dev/null >&3 || "
               "touch sealed"),
        result.accepted->memory_file,
        result.accepted->id,
        outcomes
    );
    ASSERT_TRUE(sent) << sent.error().message();
    EXPECT_TRUE(outcomes.is_complete());
    std::string arguments;
    std::getline(std::ifstream(directory_ / "call"), arguments);
    EXPECT_EQ(arguments, "run --message-fd 3 --report-fd 4 --message-id " + result.accepted->id);
    std::string start;
    std::getline(std::ifstream(directory_ / "message"), start);
    EXPECT_EQ(start, "mxpost1");
    EXPECT_EQ(::access((directory_ / "sealed").c_str(), F_OK), 0);
}

TEST_F(HandOff, AnEngineThatDiesLeavesTheRestUnknown) {
    settings_.spool = directory_ / "none";
    auto result = submit("hi\n");
    std::ofstream(directory_ / "records") << spool::encode_record(delivered(0)) << "torn";
    Outcomes outcomes(result.accepted->envelope, {});
    ASSERT_TRUE(send_from_memory(
        engine("cat records >&4; kill -9 $$"),
        result.accepted->memory_file,
        result.accepted->id,
        outcomes
    ));
    EXPECT_TRUE(outcomes.all()[0]);
    EXPECT_EQ(spoolless_status(outcomes), ExitStatus::unavailable);
}

}  // namespace
}  // namespace mxpost::submit
