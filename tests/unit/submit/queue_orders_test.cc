#include "submit/queue_orders.h"

#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>

#include "submission_fixture.h"

namespace mxpost::submit {
namespace {

using spool::Verb;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class QueueOrders : public SubmissionFixture {
protected:
    /// With an engine that notes in "call" how it was started.
    ExitStatus give(Verb verb, const std::vector<std::string>& ids, bool is_dry_run = false) {
        const std::string path = directory_ / "engine";
        std::ofstream(path) << "#!/bin/sh\necho \"$@\" > " << directory_ / "call"
                            << "\n";
        ::chmod(path.c_str(), 0700);
        OrderCall call;
        call.verb = verb;
        call.ids = ids;
        call.is_dry_run = is_dry_run;
        for (const std::string& id : ids) {
            call.selection.add(SelectBy::whole_id, id, false);
        }
        lines_.clear();
        const ExitStatus status = order_messages(
            around_,
            EngineStarter(path, {}),
            call,
            [&](const OrderReport& report) {
                lines_.push_back(order_text(verb, report));
                json_ = order_json(verb, report);
            },
            [this](std::string_view line) { complaints_.emplace_back(line); },
            {}
        );
        ::waitpid(-1, nullptr, 0);
        return status;
    }
    bool has_started() const { return std::ifstream(directory_ / "call").good(); }

    spool::MessageId queue_one(const std::string& recipient = "a@x.test") {
        call_.operands = {recipient};
        auto result = submit("hi\n");
        EXPECT_TRUE(result.accepted);
        return result.accepted->id;
    }

    std::vector<std::string> lines_;
    std::string json_;
    std::vector<std::string> complaints_;
};

TEST_F(QueueOrders, HoldsAndReleases) {
    const auto id = queue_one();
    EXPECT_EQ(give(Verb::hold, {id}), ExitStatus::ok);
    EXPECT_THAT(lines_, ElementsAre(id + ": held"));
    EXPECT_TRUE(only_message().journal().is_held());
    EXPECT_FALSE(has_started());
    ASSERT_FALSE(log_.lines.empty());
    EXPECT_THAT(log_.lines.back(), HasSubstr(id + ": held by "));
    EXPECT_EQ(give(Verb::hold, {id}), ExitStatus::ok);
    EXPECT_THAT(lines_, ElementsAre(id + ": was held already"));
    EXPECT_EQ(give(Verb::retry, {id}), ExitStatus::ok);
    EXPECT_THAT(lines_, ElementsAre(id + ": is held, release it first"));
    EXPECT_FALSE(has_started());

    EXPECT_EQ(give(Verb::release, {id}), ExitStatus::ok);
    EXPECT_THAT(lines_, ElementsAre(id + ": released"));
    EXPECT_FALSE(only_message().journal().is_held());
    EXPECT_TRUE(has_started());
}

TEST_F(QueueOrders, DeletesDurably) {
    const auto id = queue_one();
    const std::size_t synced = files_.count("fsync");
    EXPECT_EQ(give(Verb::remove, {id}), ExitStatus::ok);
    EXPECT_THAT(queued(), IsEmpty());
    EXPECT_GT(files_.count("fsync"), synced);
    EXPECT_THAT(log_.lines.back(), HasSubstr("deleted by "));
    EXPECT_THAT(log_.lines.back(), HasSubstr("to=<a@x.test>"));
    EXPECT_FALSE(has_started());
}

TEST_F(QueueOrders, ReturnsWithAnEngineForTheReport) {
    const auto id = queue_one();
    EXPECT_EQ(give(Verb::bounce, {id}), ExitStatus::ok);
    EXPECT_THAT(lines_, ElementsAre(id + ": returned to its sender"));
    EXPECT_EQ(only_message().journal().recipients[0].last->kind, mail::OutcomeKind::failed);
    EXPECT_TRUE(has_started());
}

TEST_F(QueueOrders, LeavesARequestWithTheHolderOfABusyMessage) {
    call_.operands = {"a@x.test"};
    const auto result = submit("hi\n");  // holds its lock, as an engine would
    const auto& id = result.accepted->id;
    const int box = result.accepted->box->directory();
    EXPECT_EQ(give(Verb::hold, {id}), ExitStatus::temp_fail);
    EXPECT_THAT(lines_, ElementsAre(id + ": busy, asked its engine to hold it"));
    EXPECT_THAT(json_, HasSubstr("\"order\":\"hold\",\"result\":\"asked\""));
    EXPECT_TRUE(disk_.stat(box, ".ask-" + id + "-hold"));
    // The last word counts.
    EXPECT_EQ(give(Verb::release, {id}), ExitStatus::temp_fail);
    EXPECT_FALSE(disk_.stat(box, ".ask-" + id + "-hold"));
    EXPECT_TRUE(disk_.stat(box, ".ask-" + id + "-release"));
    EXPECT_EQ(give(Verb::retry, {id}), ExitStatus::ok);  // it will be
    EXPECT_EQ(queued().size(), 1U);
}

TEST_F(QueueOrders, TheLastOfContradictingRequestsCounts) {
    call_.operands = {"a@x.test"};
    const auto result = submit("hi\n");  // holds its lock, as an engine would
    const auto& id = result.accepted->id;
    const auto requests = [&] {
        std::vector<std::string> verbs;
        for (const Verb verb : spool::kVerbs) {
            const std::string word(spool::verb_word(verb));
            if (disk_.stat(result.accepted->box->directory(), ".ask-" + id + "-" + word)) {
                verbs.push_back(word);
            }
        }
        return verbs;
    };
    // An engine returns it before it looks for a hold, which would keep the report back.
    give(Verb::hold, {id});
    give(Verb::retry, {id});
    EXPECT_THAT(requests(), ElementsAre("hold", "retry"));
    give(Verb::bounce, {id});
    EXPECT_THAT(requests(), ElementsAre("bounce"));
    give(Verb::retry, {id});
    EXPECT_THAT(requests(), ElementsAre("bounce", "retry"));
    give(Verb::hold, {id});
    EXPECT_THAT(requests(), ElementsAre("hold"));
    give(Verb::release, {id});
    EXPECT_THAT(requests(), ElementsAre("release"));
    give(Verb::remove, {id});
    EXPECT_THAT(requests(), ElementsAre("delete"));
    give(Verb::bounce, {id});
    EXPECT_THAT(requests(), ElementsAre("bounce"));
}

TEST_F(QueueOrders, AHeldMessageWhoseNameIsDueIsNotRetried) {
    const auto id = queue_one();
    give(Verb::hold, {id});
    clock_.advance(settings_.retry_max + std::chrono::minutes(1));
    ASSERT_LE(queued().at(0).due, to_seconds(clock_.now()));
    for (const bool is_dry_run : {false, true}) {
        EXPECT_EQ(give(Verb::retry, {id}, is_dry_run), ExitStatus::ok);
        EXPECT_THAT(lines_, ElementsAre(id + ": is held, release it first"));
        EXPECT_THAT(json_, HasSubstr("\"result\":\"needless\""));
    }
    EXPECT_FALSE(has_started());
}

TEST_F(QueueOrders, ARetryOfADamagedMessageThatIsDueTellsSo) {
    const auto id = queue_one();
    const std::string path = root() + "/" + std::to_string(::getuid()) + "/" + queued()[0].text();
    std::ofstream(path, std::ios::in) << "junk";
    EXPECT_EQ(give(Verb::retry, {id}), ExitStatus::os_error);
    EXPECT_THAT(lines_, ElementsAre(HasSubstr("was damaged, and is set aside")));
}

TEST_F(QueueOrders, ADryRunTellsWhatThereIsNothingToDoFor) {
    const auto id = queue_one();
    EXPECT_EQ(give(Verb::release, {id}, true), ExitStatus::ok);
    EXPECT_THAT(lines_, ElementsAre(id + ": isn't held"));
    give(Verb::bounce, {id}, true);
    EXPECT_THAT(lines_, ElementsAre(id + ": would be returned to its sender"));
    give(Verb::bounce, {id});
    give(Verb::bounce, {id}, true);
    EXPECT_THAT(lines_, ElementsAre(id + ": nobody waits for it any more"));
    give(Verb::hold, {id});
    give(Verb::hold, {id}, true);
    EXPECT_THAT(lines_, ElementsAre(id + ": was held already"));
}

TEST_F(QueueOrders, ADryRunChangesNothing) {
    const auto id = queue_one();
    EXPECT_EQ(give(Verb::remove, {}, true), ExitStatus::ok);
    EXPECT_THAT(lines_, ElementsAre(id + ": would be deleted"));
    EXPECT_EQ(queued().size(), 1U);
}

TEST_F(QueueOrders, WithoutIdsEveryMessageIsMeant) {
    queue_one("a@x.test");
    queue_one("b@x.test");
    EXPECT_EQ(give(Verb::hold, {}), ExitStatus::ok);
    EXPECT_EQ(lines_.size(), 2U);
}

TEST_F(QueueOrders, AnIdWithoutMessageIsToldAndTheOthersAreDone) {
    const auto id = queue_one();
    const std::string none = "01hk2w7yz0c000000a";
    EXPECT_EQ(give(Verb::hold, {none, id}), ExitStatus::unavailable);
    EXPECT_THAT(lines_, ElementsAre(id + ": held", none + ": no such message"));
    EXPECT_THAT(json_, HasSubstr("\"result\":\"gone\""));
}

TEST_F(QueueOrders, AMessageThatGotAnotherNameMeanwhileIsFoundAgain) {
    const auto id = queue_one();
    // As an engine that postpones it just before the command takes its lock.
    auto boxes = spool::list_boxes(disk_, root(), spool::kAnyOwner).value();
    spool::BoxStore store(disk_, std::move(boxes.at(0)));
    const auto name = queued().at(0);
    spool::EntryName later = name;
    later.due += std::chrono::hours(1);
    std::string reason;
    ASSERT_TRUE(disk_.rename(store.box().directory(), name.text(), later.text()));
    EXPECT_EQ(
        give_order(around_, store, name, make_order(around_, Verb::hold), reason), Fate::gone
    );
    EXPECT_EQ(give(Verb::hold, {id}), ExitStatus::ok);
    EXPECT_TRUE(only_message().journal().is_held());
}

TEST_F(QueueOrders, WhatFailsIsToldWithTheCallsWords) {
    const auto id = queue_one();
    files_.fail_always("pwrite", ENOSPC);
    EXPECT_EQ(give(Verb::hold, {id}), ExitStatus::os_error);
    EXPECT_THAT(lines_, ElementsAre(HasSubstr("No space left")));
}

TEST_F(QueueOrders, ForeignBoxesAreNotLookedInto) {
    const auto id = queue_one();
    around_.identity.uid = ::getuid() + 1;
    EXPECT_EQ(give(Verb::remove, {id}), ExitStatus::unavailable);
    EXPECT_THAT(lines_, ElementsAre(id + ": no such message"));
    EXPECT_EQ(queued().size(), 1U);
}

}  // namespace
}  // namespace mxpost::submit
