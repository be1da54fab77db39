#include "spool/order.h"

#include "spool_test.h"

namespace mxpost::spool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(VerbTest, HasAWordForCommandsRequestsAndPrograms) {
    for (const Verb verb : kVerbs) {
        EXPECT_EQ(parse_verb(verb_word(verb)), verb);
        EXPECT_TRUE(Request::parse(Request{kId, std::string(verb_word(verb))}.text()));
    }
    EXPECT_EQ(parse_verb("frobnicate"), std::nullopt);
    EXPECT_EQ(parse_verb(""), std::nullopt);
}

class OrderTest : public SpoolTest {
protected:
    OrderTest() : name_(commit_one()) {}

    Order order(Verb verb) const {
        Order result;
        result.verb = verb;
        result.uid = ::getuid();
        result.by = "alice (uid 1000)";
        result.now = kNow;
        return result;
    }
    Compliance carry_out_one(const Order& order) {
        const auto claimed = store_.claim(name_);
        EXPECT_TRUE(claimed.claim) << claimed.reason;
        const auto done = carry_out(*claimed.claim, order);
        EXPECT_TRUE(done) << done.error().message();
        line_ = order_line(*claimed.claim, order);
        name_ = claimed.claim->name();
        return *done;
    }
    JournalState journal() { return read_message(posix_, box_, name_)->journal(); }

    const WallTime kNow = WallTime(kDue) + std::chrono::hours(30);
    EntryName name_;
    std::string line_;
};

TEST_F(OrderTest, AHeldMessageIsOutOfTheWayUntilItIsReleased) {
    EXPECT_EQ(carry_out_one(order(Verb::hold)), Compliance::done);
    EXPECT_TRUE(journal().is_held());
    EXPECT_EQ(journal().hold->by, "alice (uid 1000)");
    EXPECT_EQ(WallTime(name_.due), kNow + std::chrono::hours(4));
    EXPECT_EQ(line_, kId + ": held by alice (uid 1000)");

    EXPECT_EQ(carry_out_one(order(Verb::hold)), Compliance::needless);
    EXPECT_EQ(carry_out_one(order(Verb::retry)), Compliance::needless);
    EXPECT_EQ(WallTime(name_.due), kNow + std::chrono::hours(4));

    EXPECT_EQ(carry_out_one(order(Verb::release)), Compliance::done);
    EXPECT_FALSE(journal().is_held());
    EXPECT_TRUE(is_asked_for(name_));
    EXPECT_EQ(carry_out_one(order(Verb::release)), Compliance::needless);
}

/// A crash between the two must leave a message that an engine looks at, not one that it forgets.
TEST_F(OrderTest, TheJournalIsSyncedBeforeTheNameChanges) {
    for (const Verb verb : {Verb::hold, Verb::release, Verb::hold, Verb::bounce}) {
        const std::size_t before = files_.trace().size();
        carry_out_one(order(verb));
        const std::vector<std::string> trace(
            files_.trace().begin() + static_cast<std::ptrdiff_t>(before), files_.trace().end()
        );
        const auto renamed = std::ranges::find_if(trace, [](const std::string& call) {
            return call.starts_with("rename ");
        });
        ASSERT_NE(renamed, trace.end()) << verb_word(verb);
        EXPECT_NE(std::find(trace.begin(), renamed, "fdatasync"), renamed) << verb_word(verb);
    }
}

/// Whatever call is the last: the message is there, whole, and as it was or as it was wanted; only
/// a deletion may have taken it.
TEST_F(OrderTest, ACrashLeavesItAsItWasOrAsItWasWanted) {
    for (const Verb verb : kVerbs) {
        bool is_stopped = true;
        for (std::size_t last = 1; is_stopped; ++last) {
            test::FailingFileSystem files(posix_);
            BoxStore store(files, reopen(box_));
            files.stop_before(last);
            try {
                const auto claimed = store.claim(name_);
                ASSERT_TRUE(claimed.claim) << claimed.reason;
                ASSERT_TRUE(carry_out(*claimed.claim, order(verb)));
            } catch (const test::Stopped&) {
            }
            is_stopped = files.is_stopped();
            const auto left = names();
            if (verb == Verb::remove && left.empty()) {
                name_ = commit_one();
                continue;
            }
            ASSERT_EQ(left.size(), 1U);
            name_ = EntryName::parse(left[0]).value();
            const auto message = read_message(posix_, box_, name_);
            ASSERT_TRUE(message) << message.error().message();
            const JournalState& state = message->journal();
            if (WallTime(name_.due) > kNow) {
                EXPECT_TRUE(state.is_held() || verb == Verb::release);
            }
            EXPECT_TRUE(state.recipients[0].is_pending() || verb == Verb::bounce);
            if (state.is_held() || !state.recipients[0].is_pending()) {
                ASSERT_EQ(::unlink(path_of(name_).c_str()), 0);  // the next one from the start
                name_ = commit_one();
            }
        }
    }
}

TEST_F(OrderTest, AReturnedMessageHasFailedForAllWhoWait) {
    {
        const auto claimed = store_.claim(name_);
        OutcomeRecord deferred = make_outcome(0, mail::OutcomeKind::deferred, "4.7.1 come back");
        deferred.outcome.reply_code = 451;
        ASSERT_TRUE(claimed.claim->append({deferred}));
    }
    carry_out_one(order(Verb::hold));
    EXPECT_EQ(carry_out_one(order(Verb::bounce)), Compliance::done);
    const JournalState state = journal();
    EXPECT_FALSE(state.is_held());
    EXPECT_EQ(state.recipients[0].last->kind, mail::OutcomeKind::failed);
    EXPECT_EQ(state.recipients[0].last->status.text(), "5.7.0");
    EXPECT_EQ(
        state.recipients[0].last->text,
        "returned on its sender's own request; the last attempt: 451 4.7.1 come back"
    );
    EXPECT_FALSE(state.recipients[0].is_failure_reported);
    EXPECT_EQ(WallTime(name_.due), kNow);
    EXPECT_EQ(carry_out_one(order(Verb::bounce)), Compliance::needless);
}

TEST_F(OrderTest, TheReportSaysWhenItWasTheAdministrator) {
    Order by_root = order(Verb::bounce);
    by_root.uid = ::getuid() + 1;
    carry_out_one(by_root);
    EXPECT_THAT(journal().recipients[0].last->text, HasSubstr("administrator"));
}

TEST_F(OrderTest, ADeletedMessageIsGoneAndTheLogSaysWhose) {
    EXPECT_EQ(carry_out_one(order(Verb::remove)), Compliance::done);
    EXPECT_THAT(names(), IsEmpty());
    EXPECT_EQ(
        line_,
        kId +
            ": deleted by alice (uid 1000): from=<alice@example.com>, to=<bob0@example.org>, "
            "nobody is told"
    );
}

TEST_F(OrderTest, WhatCanNotBeWrittenIsAnError) {
    for (const Verb verb : {Verb::hold, Verb::bounce}) {
        const auto claimed = store_.claim(name_);
        files_.fail_always("pwrite", ENOSPC);
        EXPECT_FALSE(carry_out(*claimed.claim, order(verb)));
        EXPECT_THAT(names(), ElementsAre(name_.text()));
    }
}

}  // namespace
}  // namespace mxpost::spool
