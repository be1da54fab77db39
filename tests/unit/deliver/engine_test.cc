#include "deliver/engine.h"

#include "deliver_test.h"

namespace mxpost::deliver {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class EngineTest : public testing::Test {
protected:
    EngineTest() {
        options_.role = EngineRole::once;
        options_.spools = {queue_.root()};
        options_.own_spool = queue_.root();
    }
    /// To its end, which must come by itself.
    static void run(Life& life, EngineOptions options) {
        Engine engine(life.io, life.files, life.services, std::move(options));
        engine.run();
    }

    Queue queue_;
    EngineOptions options_;
};

TEST_F(EngineTest, OnceDoesWhatIsDueAndEndsWithItsRemovalsSynced) {
    queue_.commit(make_envelope({"bob@gone.example"}));
    Life life(queue_);
    life.resolver.fail_mx("example.com", "SERVFAIL");  // the bounce's way
    run(life, options_);

    EXPECT_THAT(life.resolver.questions(), ElementsAre("MX gone.example", "MX example.com"));
    EXPECT_EQ(queue_.find(), std::nullopt);
    ASSERT_THAT(queue_.reports(), SizeIs(1));
    EXPECT_GT(WallTime(queue_.names()[0].due), kArrival);
    const auto& trace = life.files.trace();
    // Whoever commits after this last look finds the box unlocked.
    const auto unlocked = std::ranges::find(trace, "unlock");
    EXPECT_NE(std::find(unlocked, trace.end(), "list"), trace.end());
    const auto removed =
        std::ranges::find_if(trace, [](const auto& call) { return call.starts_with("unlink "); });
    EXPECT_NE(std::find(removed, trace.end(), "fsync"), trace.end());
}

TEST_F(EngineTest, OneBoxFullOfSlowMailLeavesRoomForTheNext) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "makes another user's box";
    }
    constexpr int kMany = 1050;  // more than there may be in work
    mail::Envelope slow = make_envelope({"bob@slow.example"});
    mail::Envelope quick = make_envelope({"bob@gone.example"});
    quick.sender.reset();
    spool::BoxStore store(queue_.files(), queue_.open(queue_.files()));
    for (int i = 0; i < kMany; ++i) {
        const std::string number = std::to_string(1000 + i);
        queue_.commit(slow, kBody, "01hk2w7yz0c000" + number);
    }
    const std::string other = queue_.root() + "/1";
    std::filesystem::create_directory(other);
    ASSERT_EQ(::chown(other.c_str(), 1, static_cast<gid_t>(-1)), 0);
    std::filesystem::permissions(other, std::filesystem::status(store.box().path()).permissions());
    Life life(queue_);
    life.resolver.stall_mx("slow.example");
    Engine engine(life.io, life.files, life.services, options_);
    bool is_committed = false;
    std::size_t most = 0;
    engine.observe([&] {
        life.clock.advance(std::chrono::seconds(1));  // beyond 500 a hundred a second are begun
        most = std::max(most, engine.figures().active);
        if (!is_committed && engine.figures().active >= 700) {
            is_committed = true;
            auto box = spool::open_box(queue_.files(), queue_.root(), "1");
            ASSERT_TRUE(box);
            spool::BoxStore second(queue_.files(), std::move(*box));
            const auto message = second.submit(kId, quick, kHeader, kBody, to_seconds(kArrival));
            ASSERT_TRUE(message);
            const std::string path = other + "/" + (*message)->name().text();
            ASSERT_EQ(::chown(path.c_str(), 1, static_cast<gid_t>(-1)), 0);
        }
        const auto& questions = life.resolver.questions();
        if (std::ranges::find(questions, "MX gone.example") != questions.end()) {
            life.resolver.fail_mx("slow.example", "SERVFAIL");
            life.resolver.answer_mx("slow.example");
        }
    });
    engine.run();

    EXPECT_TRUE(is_committed);
    EXPECT_EQ(most, 750U);
    EXPECT_EQ(queue_.names().size(), static_cast<std::size_t>(kMany));  // all tried, none forgotten
    for (const spool::EntryName& name : queue_.names()) {
        EXPECT_GT(WallTime(name.due), kArrival);
    }
}

/// Its sessions are warm, and what comes next would find them closed.
TEST_F(EngineTest, OnDemandStaysWhereMessagesComeAndGoBetweenItsLooks) {
    options_.role = EngineRole::on_demand;
    mail::Envelope envelope = make_envelope({"bob@gone.example"});
    envelope.sender.reset();
    Life life(queue_);
    spool::Box box = queue_.open(life.files);
    ASSERT_TRUE(*life.files.try_lock(box.directory()));
    Engine engine(life.io, life.files, life.services, options_);
    engine.adopt(std::move(box));
    constexpr int kMessages = 3;
    int looks = 0;
    engine.observe([&] {
        life.clock.advance(std::chrono::seconds(6));
        if (looks++ < kMessages) {
            queue_.commit(envelope, kBody, "01hk2w7yz0c000000" + std::to_string(looks));
        }
    });
    engine.run();

    EXPECT_THAT(queue_.names(), IsEmpty());
    EXPECT_EQ(life.files.count("unlock"), 1U);
}

TEST_F(EngineTest, OnceFindsWhatCameJustBeforeItLetGo) {
    mail::Envelope envelope = make_envelope({"bob@gone.example"});
    envelope.sender.reset();
    queue_.commit(envelope);
    Life life(queue_);
    bool is_late_one_there = false;
    life.files.on_call = [&](const std::string& call) {
        // Its submitter has just found the lock held, and leaves it to this engine.
        if (call == "unlock" && !std::exchange(is_late_one_there, true)) {
            queue_.commit(envelope, kBody, "01hk2w7yz0c0000009");
        }
    };
    run(life, options_);

    EXPECT_TRUE(is_late_one_there);
    EXPECT_THAT(queue_.names(), testing::IsEmpty());
}

/// Puts one message into the engine's own box when the engine asks whether it has finished.
class OneMessage final : public Companion {
public:
    OneMessage(Queue& queue, Engine& engine) : queue_(queue), engine_(engine) {}
    void stop() override {}
    bool is_finished() const override {
        if (!is_given_) {
            is_given_ = true;
            EXPECT_TRUE(engine_.own_box());
            engine_.expect(kId);
            mail::Envelope envelope = make_envelope({"bob@gone.example"});
            envelope.sender.reset();
            engine_.accepted(queue_.commit(envelope));
            return false;
        }
        return true;
    }

private:
    Queue& queue_;
    Engine& engine_;
    mutable bool is_given_ = false;
};

TEST_F(EngineTest, DeliversWhatACompanionGivesItAndEndsAfterIt) {
    Life life(queue_);
    Engine engine(life.io, life.files, life.services, options_);
    OneMessage companion(queue_, engine);
    engine.accompany(companion);
    engine.run();

    EXPECT_THAT(life.resolver.questions(), ElementsAre("MX gone.example"));
    EXPECT_EQ(queue_.find(), std::nullopt);
}

TEST_F(EngineTest, OnceLeavesABoxAloneThatIsServed) {
    queue_.commit(make_envelope({"bob@gone.example"}));
    spool::Box box = queue_.open(queue_.files());
    ASSERT_TRUE(*queue_.files().try_lock(box.directory()));
    Life life(queue_);
    run(life, options_);

    EXPECT_THAT(life.resolver.questions(), IsEmpty());
    EXPECT_TRUE(queue_.find());
}

/// The engine that has it may have had its last look before the report came, and this one may have
/// tried the locks for the last time.
TEST_F(EngineTest, AReportInABoxThatAnotherEngineHasJustLetGoIsSent) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "makes another user's box";
    }
    queue_.commit(make_envelope({"bob@gone.example"}));
    const std::filesystem::path own = queue_.open(queue_.files()).path();
    const std::filesystem::path others = queue_.root() + "/1";
    std::filesystem::rename(own, others);
    const auto message = *std::filesystem::directory_iterator(others);
    ASSERT_EQ(::chown(others.c_str(), 1, static_cast<gid_t>(-1)), 0);
    ASSERT_EQ(::chown(message.path().c_str(), 1, static_cast<gid_t>(-1)), 0);
    Life full(queue_);
    full.files.fail_always("link", ENOSPC);
    run(full, options_);
    ASSERT_EQ(full.log.count("the report for its sender can't be queued"), 1U);

    std::optional<spool::Box> held(queue_.open(queue_.files()));
    ASSERT_TRUE(*queue_.files().try_lock(held->directory()));
    Life life(queue_, kArrival + std::chrono::seconds(1));
    life.resolver.fail_mx("example.com", "SERVFAIL");  // the report's way
    int tries = 0;
    life.files.on_call = [&](const std::string& call) {
        if (call == "flock" && ++tries == 3) {  // both boxes, and this one again
            life.clock.advance(std::chrono::hours(1));
        } else if (call == "link") {
            held.reset();
        }
    };
    run(life, options_);

    EXPECT_FALSE(held);
    EXPECT_TRUE(std::filesystem::is_empty(others));
    EXPECT_THAT(life.resolver.questions(), ElementsAre("MX example.com"));
}

TEST_F(EngineTest, AClockThatJumpsAYearEitherWayDelaysNoMail) {
    for (const auto jump : {std::chrono::hours(24 * 365), -std::chrono::hours(24 * 365)}) {
        Queue queue;
        options_.spools = {queue.root()};
        options_.own_spool = queue.root();
        queue.commit(make_envelope({"bob@slow.example"}));
        Life first(queue);
        first.resolver.fail_mx("slow.example", "SERVFAIL");
        run(first, options_);
        ASSERT_GT(WallTime(queue.find()->due), kArrival);

        Life second(queue, kArrival + jump);
        second.services.retry.warning = std::chrono::seconds(0);
        second.resolver.fail_mx("slow.example", "SERVFAIL");
        run(second, options_);
        EXPECT_THAT(second.resolver.questions(), SizeIs(1)) << "as if it weren't due";
        ASSERT_TRUE(queue.find());
        EXPECT_LE(WallTime(queue.find()->due), kArrival + jump + std::chrono::hours(5));

        Life third(queue, kArrival + std::chrono::minutes(30));  // somebody sets it right
        third.resolver.fail_mx("slow.example", "SERVFAIL");
        run(third, options_);
        EXPECT_THAT(third.resolver.questions(), SizeIs(1)) << "as if it weren't due";
        ASSERT_TRUE(queue.find());
        EXPECT_LE(WallTime(queue.find()->due), third.clock.now() + std::chrono::hours(5));
        EXPECT_EQ(second.log.count("given up") + third.log.count("given up"), 0U);
    }
}

/// Else it would ask for the name, or knock at a server, as often as it can.
TEST_F(EngineTest, AMessageThatCanNotBeRenamedIsNotTriedAgainAtOnce) {
    queue_.commit(make_envelope({"bob@slow.example"}));
    Life life(queue_);
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    life.files.fail_always("rename", ENOSPC);
    run(life, options_);

    EXPECT_THAT(life.resolver.questions(), SizeIs(1));
    EXPECT_TRUE(queue_.find());
}

/// Nor before its next attempt is due, and then at a server that asked to be left alone.
TEST_F(EngineTest, AMessageThatCanNotBeRenamedWaitsAsLongAsAnyOther) {
    queue_.commit(make_envelope({"bob@slow.example"}));
    Life life(queue_);
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    life.files.fail_always("rename", ENOSPC);
    Engine engine(life.io, life.files, life.services, options_);
    bool is_later = false;
    engine.observe([&] {
        if (engine.figures().kept == 1 && !std::exchange(is_later, true)) {
            life.clock.advance(std::chrono::minutes(2));
        }
    });
    engine.run();

    EXPECT_TRUE(is_later);
    EXPECT_THAT(life.resolver.questions(), SizeIs(1));
}

TEST_F(EngineTest, AMessageThatCanNotBeRemovedIsNotLookedAtAgainAtOnce) {
    mail::Envelope envelope = make_envelope({"bob@gone.example"});
    envelope.sender.reset();
    queue_.commit(envelope);
    Life life(queue_);
    life.files.fail_always("unlink", EIO);
    run(life, options_);

    EXPECT_EQ(life.log.count("can't remove it from the queue"), 1U);
    EXPECT_TRUE(queue_.find());
}

TEST_F(EngineTest, AMessageThatCanNotBeReadIsNotReadAgainAtOnce) {
    queue_.commit(make_envelope({"bob@gone.example"}));
    Life life(queue_);
    life.files.fail_always("pread", EIO);
    run(life, options_);

    EXPECT_EQ(life.log.count("can't be read, trying later"), 1U);
    EXPECT_THAT(life.resolver.questions(), IsEmpty());
    EXPECT_TRUE(queue_.find());
}

/// Has the engine look at one message again when it asks whether it has finished.
class SecondLook final : public Companion {
public:
    SecondLook(spool::EntryName name, Engine& engine) : name_(std::move(name)), engine_(engine) {}
    void stop() override {}
    bool is_finished() const override {
        if (!std::exchange(has_looked_, true)) {
            engine_.accepted(name_);
            return false;
        }
        return true;
    }

private:
    spool::EntryName name_;
    Engine& engine_;
    mutable bool has_looked_ = false;
};

/// It is tried every minute, and a user may have thousands of them.
TEST_F(EngineTest, TheLogHasWhyAMessageCanNotBeReadOnce) {
    const spool::EntryName name = queue_.commit(make_envelope({"bob@gone.example"}));
    Life life(queue_);
    life.files.fail_always("pread", EIO);
    Engine engine(life.io, life.files, life.services, options_);
    SecondLook companion(name, engine);
    engine.accompany(companion);
    engine.run();

    EXPECT_EQ(life.files.count("pread"), 2U);
    EXPECT_EQ(life.log.count("can't be read, trying later"), 1U);
}

TEST_F(EngineTest, ABugMetByOneMessageKeepsThatOneAndNotTheOthers) {
    const spool::MessageId other = "01hk2w7yz0c0000001";
    mail::Envelope envelope = make_envelope({"bob@gone.example"});
    envelope.sender.reset();
    queue_.commit(envelope);
    queue_.commit(envelope, kBody, other);
    Life life(queue_);
    life.log.throw_at = kId + ": to=<bob@gone.example>: failed, no report is due";
    run(life, options_);

    EXPECT_EQ(life.log.count(kId + ": internal error, the message stays: a bug"), 1U);
    EXPECT_TRUE(queue_.find());
    EXPECT_EQ(queue_.find(other), std::nullopt);
}

const spool::MessageId kOther = "01hk2w7yz0c0000001";
const spool::MessageId kThird = "01hk2w7yz0c0000002";

TEST_F(EngineTest, WhatIsOverTheOwnersLimitsWaitsUnsentAndSaysWhy) {
    queue_.commit(make_envelope({"bob@slow.example", "eve@slow.example"}));
    queue_.commit(make_envelope({"carol@later.example"}), kBody, kOther);
    queue_.commit(make_envelope({"dan@later.example"}), kBody, kThird);
    Life life(queue_);
    life.settings.max_queued_recipients = 2;
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    run(life, options_);

    EXPECT_THAT(life.resolver.questions(), ElementsAre("MX slow.example"));
    EXPECT_THAT(
        queue_.read(*queue_.find(kOther)).journal().note,
        testing::HasSubstr("larger than max-queued-size or max-queued-recipients allows")
    );
    EXPECT_EQ(life.log.count("the rest waits until some of it is done"), 1U);
}

TEST_F(EngineTest, WhatWasOverTheLimitsIsSentWhenThereIsRoom) {
    mail::Envelope envelope = make_envelope({"bob@gone.example"});
    envelope.sender.reset();
    queue_.commit(envelope);
    queue_.commit(envelope, kBody, kOther);
    queue_.commit(envelope, kBody, kThird);
    Life life(queue_);
    life.settings.max_queued_recipients = 1;
    run(life, options_);

    EXPECT_THAT(queue_.names(), IsEmpty());
}

TEST_F(EngineTest, LargeHeadersWaitForMemoryAndSmallOnesDoNot) {
    std::string large = kHeader;
    for (int i = 0; i < 60; ++i) {
        large += "X-Large: " + std::string(900, 'x') + "\r\n";
    }
    queue_.commit(make_envelope({"bob@first.example"}), kBody, kId, large);
    queue_.commit(make_envelope({"bob@second.example"}), kBody, kOther, large);
    queue_.commit(make_envelope({"bob@small.example"}), kBody, kThird);
    Life life(queue_);
    const std::vector<std::string> domains = {"first.example", "second.example", "small.example"};
    for (const std::string& domain : domains) {
        life.resolver.stall_mx(domain);
    }
    options_.most_memory = 200U << 10;  // for one large message
    Engine engine(life.io, life.files, life.services, options_);
    int ticks = 0;
    std::vector<std::string> asked;
    engine.observe([&] {
        if (++ticks != 2) {
            return;
        }
        asked = life.resolver.questions();
        for (const std::string& domain : domains) {
            life.resolver.fail_mx(domain, "SERVFAIL");
            life.resolver.answer_mx(domain);
        }
    });
    engine.run();

    EXPECT_THAT(asked, SizeIs(2));
    EXPECT_THAT(asked, testing::Contains("MX small.example"));
    EXPECT_THAT(life.resolver.questions(), SizeIs(3));  // the other one's turn came
}

TEST_F(EngineTest, MoreMessagesThanAllowedAreNotEvenOpened) {
    queue_.commit(make_envelope({"bob@slow.example"}));
    queue_.commit(make_envelope({"carol@slow.example"}), kBody, kOther);
    Life life(queue_);
    life.settings.max_queued_messages = 1;
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    run(life, options_);

    EXPECT_THAT(life.resolver.questions(), SizeIs(1));
    const auto opened = std::ranges::count_if(life.files.trace(), [](const auto& call) {
        return call.starts_with("open 01hk2w7yz0c");
    });
    EXPECT_EQ(opened, 1);
    EXPECT_EQ(life.log.count("the rest waits until some of it is done"), 1U);
}

TEST_F(EngineTest, TheNextMessagesAreFoundWhenThoseBeforeThemAreGone) {
    mail::Envelope envelope = make_envelope({"bob@gone.example"});
    envelope.sender.reset();
    queue_.commit(envelope);
    queue_.commit(envelope, kBody, kOther);
    Life life(queue_);
    life.settings.max_queued_messages = 1;
    life.clock.advance(std::chrono::hours(1));
    options_.role = EngineRole::once;
    run(life, options_);

    EXPECT_THAT(queue_.names(), IsEmpty());
}

TEST_F(EngineTest, AnAttemptAskedForWhileOneWasGoingOnFollowsIt) {
    queue_.commit(make_envelope({"bob@slow.example"}));
    spool::BoxStore store(queue_.files(), queue_.open(queue_.files()));
    Life life(queue_);
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    // As `sendmail -q` does while the engine has the message's lock.
    life.resolver.on_question = [&](std::size_t number) {
        if (number == 1) {
            ASSERT_TRUE(store.leave_request(kId, "retry"));
        }
    };
    run(life, options_);

    EXPECT_THAT(life.resolver.questions(), SizeIs(2));
    EXPECT_GT(WallTime(queue_.find()->due), kArrival);
    EXPECT_EQ(queue_.names().size(), 1U);
}

/// One message, which an attempt is made at while something is asked of it.
class OrderTest : public EngineTest {
protected:
    /// `verbs` are asked for during the attempt, as the commands do while the message is locked.
    void run_asking(Life& life, std::vector<std::string> verbs) {
        queue_.commit(make_envelope({"bob@slow.example", "eve@gone.example"}));
        life.resolver.fail_mx("slow.example", "SERVFAIL");
        life.resolver.fail_mx("example.com", "SERVFAIL");  // reports' way
        life.resolver.on_question = [&](std::size_t number) {
            for (const std::string& verb : verbs) {
                if (number == 1) {
                    ASSERT_TRUE(store_.leave_request(kId, verb));
                }
            }
        };
        run(life, options_);
        life.resolver.on_question = {};
        bool has_request = false;
        ASSERT_TRUE(store_.list(
            [](const spool::EntryName&) {}, [&](const spool::Request&) { has_request = true; }
        ));
        EXPECT_FALSE(has_request);
    }

    spool::BoxStore store_{queue_.files(), queue_.open(queue_.files())};
};

TEST_F(OrderTest, AHeldMessageStaysUntriedUntilItIsReleased) {
    Life life(queue_);
    run_asking(life, {"hold"});
    const auto held = queue_.find();
    ASSERT_TRUE(held);
    EXPECT_TRUE(queue_.read(*held).journal().is_held());
    EXPECT_EQ(WallTime(held->due), kArrival + schedule::RetryPolicy().max_delay);
    EXPECT_EQ(life.log.count(kId + ": held by "), 1U);
    const std::size_t asked = life.resolver.questions().size();

    // Days later an engine looks at it, and looks away.
    life.io.restart();
    life.clock.advance(std::chrono::hours(240));
    run(life, options_);
    EXPECT_EQ(life.resolver.questions().size(), asked + 1);  // the bounce for eve
    EXPECT_EQ(WallTime(queue_.find()->due), life.clock.now() + schedule::RetryPolicy().max_delay);
    EXPECT_TRUE(queue_.state(0).is_pending());

    ASSERT_TRUE(store_.leave_request(kId, "release"));
    life.io.restart();
    run(life, options_);
    EXPECT_EQ(life.log.count(kId + ": released by "), 1U);
    // However old it is by now, it gets its attempt.
    EXPECT_THAT(life.resolver.questions(), testing::Contains("MX slow.example").Times(2));
}

TEST_F(OrderTest, ADeletedMessageGoesWithoutAReport) {
    Life life(queue_);
    run_asking(life, {"delete", "retry", "hold"});
    EXPECT_EQ(queue_.find(), std::nullopt);
    EXPECT_EQ(life.log.count(kId + ": deleted by "), 1U);
    ASSERT_THAT(queue_.reports(), SizeIs(1));  // eve's failure was reported before
    EXPECT_EQ(queue_.reports()[0].find("bob@slow.example"), std::string::npos);
}

TEST_F(OrderTest, AReturnedMessageIsReportedLikeAnyFailure) {
    Life life(queue_);
    run_asking(life, {"bounce"});
    EXPECT_EQ(queue_.find(), std::nullopt);
    const auto reports = queue_.reports();
    ASSERT_THAT(reports, SizeIs(2));
    const auto bobs = std::ranges::find_if(reports, [](const std::string& report) {
        return report.find("bob@slow.example") != std::string::npos;
    });
    ASSERT_NE(bobs, reports.end());
    EXPECT_THAT(*bobs, testing::HasSubstr("Status: 5.7.0"));
    EXPECT_THAT(*bobs, testing::HasSubstr("returned on its sender's own request"));
    EXPECT_THAT(
        life.resolver.questions(), testing::Not(testing::Contains("MX slow.example").Times(2))
    );
}

TEST_F(OrderTest, ARequestThatAnotherEngineLeftIsHonouredBeforeAnAttempt) {
    queue_.commit(make_envelope({"bob@slow.example"}));
    ASSERT_TRUE(store_.leave_request(kId, "hold"));
    Life life(queue_);
    run(life, options_);
    EXPECT_THAT(life.resolver.questions(), IsEmpty());
    EXPECT_TRUE(queue_.read(*queue_.find()).journal().is_held());
}

TEST_F(OrderTest, ARequestThatCanNotBeTakenAwayIsNoReasonToTryWithoutEnd) {
    queue_.commit(make_envelope({"bob@slow.example"}));
    ASSERT_TRUE(store_.leave_request(kId, "retry"));
    Life life(queue_);
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    life.files.fail_always("unlink", EACCES);
    run(life, options_);
    EXPECT_THAT(life.resolver.questions(), SizeIs(1));
}

TEST_F(EngineTest, TellsAnObserverHowFarARunHasCome) {
    queue_.commit(make_envelope({"bob@slow.example"}));
    mail::Envelope envelope = make_envelope({"bob@gone.example"});
    envelope.sender.reset();
    queue_.commit(envelope, kBody, kOther);
    Life life(queue_);
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    Engine engine(life.io, life.files, life.services, options_);
    RunFigures last;
    engine.observe([&] { last = engine.figures(); });
    engine.run();

    EXPECT_EQ(last.left, 0U);
    EXPECT_EQ(last.gone, 1U);
    EXPECT_EQ(last.kept, 1U);
}

}  // namespace
}  // namespace mxpost::deliver
