#include "submit/queue.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/wait.h>

#include "submission_fixture.h"

namespace mxpost::submit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Queue : public SubmissionFixture {
protected:
    ExitStatus print() {
        out_.clear();
        const EngineStarter starter("/nonexistent", {});
        return print_queue(
            around_,
            starter,
            [this](std::string_view line) { out_.emplace_back(line); },
            [this](std::string_view line) { complaints_.emplace_back(line); }
        );
    }

    std::vector<std::string> out_;
    std::vector<std::string> complaints_;
};

TEST_F(Queue, SaysWhenItIsEmpty) {
    EXPECT_EQ(print(), ExitStatus::ok);
    EXPECT_THAT(out_, ElementsAre("Mail queue is empty"));
    settings_.spool = directory_ / "none";
    EXPECT_EQ(print(), ExitStatus::ok);
    EXPECT_THAT(out_, ElementsAre("Mail queue is empty"));
}

TEST_F(Queue, ShowsWhoStillWaitsAndWhy) {
    call_.operands = {"a@x.test", "b@y.test", "c@z.test"};
    auto result = submit("hi\n");
    const Accepted& accepted = *result.accepted;
    mail::RecipientOutcome greylisted(
        mail::OutcomeKind::deferred, {4, 7, 1}, "4.7.1 come\x1b back"
    );
    greylisted.reply_code = 451;
    greylisted.remote_host = "mx.y.test";
    const spool::OutcomeRecord gone{
        0, clock_.now(), {mail::OutcomeKind::delivered, {2, 0, 0}, "ok"}};
    ASSERT_TRUE(disk_.pwrite(
        accepted.committed->file.get(),
        spool::encode_record(gone) +
            spool::encode_record(spool::OutcomeRecord{1, clock_.now(), greylisted}) +
            spool::encode_record(spool::NoteRecord{clock_.now(), "waits for x"}),
        accepted.committed->journal_offset
    ));
    const std::string id = accepted.id;
    result.accepted.reset();
    EXPECT_EQ(print(), ExitStatus::ok);
    ASSERT_EQ(out_.size(), 10U);
    EXPECT_THAT(out_[1], testing::StartsWith(id + " "));
    EXPECT_THAT(out_[1], testing::EndsWith(" alice@example.com"));
    EXPECT_EQ(out_[2], "      (waits for x)");
    EXPECT_EQ(out_[3], "      (mx.y.test: 451 4.7.1 come? back)");
    EXPECT_EQ(out_[4], std::string(53, ' ') + "b@y.test");
    EXPECT_EQ(out_[5], std::string(53, ' ') + "c@z.test");
    EXPECT_EQ(out_[6], "");
    EXPECT_THAT(out_[7], HasSubstr("(no engine serves "));
    EXPECT_EQ(out_[8], "");
    EXPECT_EQ(out_[9], "-- 0 Kbytes in 1 Request.");
    EXPECT_THAT(complaints_, IsEmpty());
}

TEST_F(Queue, SaysNothingOfEnginesWhereOneHoldsTheBox) {
    call_.operands = {"a@x.test"};
    const auto result = submit("hi\n");
    ASSERT_TRUE(result.accepted);
    auto engine = disk_.open(AT_FDCWD, result.accepted->box->path(), O_RDONLY | O_DIRECTORY, 0);
    ASSERT_TRUE(engine);
    ASSERT_TRUE(*disk_.try_lock(engine->get()));
    print();
    EXPECT_THAT(out_, testing::Not(testing::Contains(HasSubstr("no engine"))));
}

TEST_F(Queue, MarksWhatIsBeingSent) {
    call_.operands = {"a@x.test"};
    const auto result = submit("hi\n");  // holds its lock
    print();
    EXPECT_THAT(out_[1], testing::StartsWith(result.accepted->id + "* "));
}

TEST_F(Queue, NamesDamagedMessagesAndShowsTheOthers) {
    call_.operands = {"a@x.test"};
    auto result = submit("hi\n");
    const std::string box = result.accepted->box->path();
    result.accepted.reset();
    std::ofstream(box + "/000000000000000000.0000000") << "junk";
    EXPECT_EQ(print(), ExitStatus::os_error);
    EXPECT_THAT(complaints_, ElementsAre(HasSubstr("000000000000000000.0000000")));
    EXPECT_THAT(out_.back(), HasSubstr("1 Request"));
}

TEST_F(Queue, FlushMakesEverythingDueAndStartsAnEngine) {
    call_.operands = {"a@x.test"};
    {
        auto result = submit("hi\n");
        const Accepted& accepted = *result.accepted;
        spool::EntryName later = accepted.committed->name;
        later.due += std::chrono::hours(5);
        ASSERT_TRUE(
            disk_.rename(accepted.box->directory(), accepted.committed->name.text(), later.text())
        );
    }
    clock_.advance(std::chrono::minutes(1));
    const std::string path = directory_ / "engine";
    std::ofstream(path) << "#!/bin/sh\necho \"$@\" > " << directory_ / "call"
                        << "\n";
    ::chmod(path.c_str(), 0700);
    EXPECT_EQ(
        flush_queue(
            around_,
            EngineStarter(path, {}),
            [this](std::string_view line) { out_.emplace_back(line); },
            [this](std::string_view line) { complaints_.emplace_back(line); }
        ),
        ExitStatus::ok
    );
    ::waitpid(-1, nullptr, 0);
    EXPECT_THAT(complaints_, IsEmpty());
    EXPECT_THAT(out_, IsEmpty());
    EXPECT_EQ(queued().at(0).due, to_seconds(clock_.now()));
    std::string arguments;
    std::getline(std::ifstream(directory_ / "call"), arguments);
    EXPECT_EQ(arguments, ::getuid() == 0 ? "run --once" : "run --box-fd 3");
}

TEST_F(Queue, FlushingNothingStartsNothing) {
    EXPECT_EQ(
        flush_queue(
            around_,
            EngineStarter(directory_ / "none", {}),
            [](std::string_view) {},
            [](std::string_view) {}
        ),
        ExitStatus::ok
    );
}

TEST_F(Queue, FlushLeavesARequestForWhatIsBeingSentAndSaysSo) {
    call_.operands = {"a@x.test"};
    const auto result = submit("hi\n");  // holds its lock, as an engine would
    flush_queue(
        around_,
        EngineStarter("/nonexistent", {}),
        [this](std::string_view line) { out_.emplace_back(line); },
        [](std::string_view) {}
    );
    EXPECT_THAT(
        out_,
        ElementsAre(
            "1 message is being sent just now and will be tried again after that: " +
            result.accepted->id
        )
    );
    EXPECT_TRUE(
        disk_.stat(result.accepted->box->directory(), ".ask-" + result.accepted->id + "-retry")
    );
    EXPECT_EQ(queued().size(), 1U);
}

}  // namespace
}  // namespace mxpost::submit
