// Reporting across deaths of the engine: it stops before each file-system call
// in turn, others go on from what it left, and every failed recipient's sender
// must hear of it, once.
#include "deliver/reporting.h"

#include <functional>

#include "deliver_test.h"

namespace mxpost::deliver {
namespace {

using testing::SizeIs;

using Prepare = std::function<void(Life&)>;

const Prepare kNobodyKnowsTheDomain = [](Life&) {};
const Prepare kSlow = [](Life& life) { life.resolver.fail_mx("slow.example", "SERVFAIL"); };

std::size_t count_with(const std::vector<std::string>& texts, const std::string& part) {
    return static_cast<std::size_t>(std::ranges::count_if(texts, [&](const auto& text) {
        return text.find(part) != std::string::npos;
    }));
}

/// A message's lives so far, at `now`, each ended by its stop point. False: the
/// last one ran to its end before it.
bool live(Queue& queue, WallTime now, const Prepare& prepare, std::size_t stop_before) {
    const auto name = queue.find();
    if (!name) {
        return false;
    }
    Life life(queue, now);
    prepare(life);
    life.files.stop_before(stop_before);
    (void)life.attempt(*name);
    return life.files.is_stopped();
}

/// The life in which nothing goes wrong.
void live_on(Queue& queue, WallTime now, const Prepare& prepare) {
    if (const auto name = queue.find()) {
        Life life(queue, now);
        prepare(life);
        (void)life.attempt(*name);
    }
}

constexpr std::chrono::minutes kLater{10};

TEST(Reporting, ADeathAtAnyCallCostsNeitherTheBounceNorGivesASecondOne) {
    std::size_t stop = 1;
    for (bool is_stopped = true; is_stopped; ++stop) {
        Queue queue;
        queue.commit(make_envelope({"bob@gone.example"}));
        is_stopped = live(queue, kArrival, kNobodyKnowsTheDomain, stop);
        EXPECT_TRUE(queue.find() || queue.reports().size() == 1) << "stopped before call " << stop;

        live_on(queue, kArrival + kLater, kNobodyKnowsTheDomain);
        EXPECT_EQ(queue.find(), std::nullopt) << "stopped before call " << stop;
        EXPECT_THAT(queue.reports(), SizeIs(1)) << "stopped before call " << stop;
    }
    EXPECT_GT(stop, 15U);
}

TEST(Reporting, WhoFailsAfterTheDeathIsNotTakenForReportedWithThoseBeforeIt) {
    std::size_t stop = 1;
    for (bool is_stopped = true; is_stopped; ++stop) {
        Queue queue;
        queue.commit(make_envelope({"bob@gone.example", "eve@slow.example"}));
        is_stopped = live(queue, kArrival, kSlow, stop);

        live_on(queue, kArrival + kLater, kNobodyKnowsTheDomain);
        EXPECT_EQ(queue.find(), std::nullopt) << "stopped before call " << stop;
        EXPECT_EQ(count_with(queue.reports(), "rfc822; bob@gone.example"), 1U)
            << "stopped before call " << stop;
        EXPECT_EQ(count_with(queue.reports(), "rfc822; eve@slow.example"), 1U)
            << "stopped before call " << stop;
    }
    EXPECT_GT(stop, 15U);
}

TEST(Reporting, AWarningIsNotTakenForTheBounceHoweverOftenTheEngineDies) {
    const WallTime late = kArrival + std::chrono::hours(4);
    std::size_t deaths = 0;
    std::size_t first = 1;
    for (bool is_first_stopped = true; is_first_stopped; ++first) {
        for (std::size_t second = 1;; ++second) {
            Queue queue;
            queue.commit(make_envelope({"bob@slow.example"}));
            is_first_stopped = live(queue, late, kSlow, first);
            if (queue.reports().empty()) {
                break;  // no warning to take for a bounce
            }
            const bool is_stopped = live(queue, late + kLater, kNobodyKnowsTheDomain, second);
            live_on(queue, late + 2 * kLater, kNobodyKnowsTheDomain);

            const auto reports = queue.reports();
            ASSERT_EQ(queue.find(), std::nullopt) << first << ", " << second;
            ASSERT_EQ(count_with(reports, "Action: failed"), 1U) << first << ", " << second;
            ASSERT_EQ(count_with(reports, "Action: delayed"), 1U) << first << ", " << second;
            if (!is_stopped) {
                break;
            }
            ++deaths;
        }
    }
    EXPECT_GT(deaths, 100U);
}

TEST(Reporting, AWarningIsSentOnceHoweverTheEngineDies) {
    const WallTime late = kArrival + std::chrono::hours(4);
    std::size_t stop = 1;
    for (bool is_stopped = true; is_stopped; ++stop) {
        Queue queue;
        queue.commit(make_envelope({"bob@slow.example", "eve@slow.example"}));
        is_stopped = live(queue, late, kSlow, stop);

        live_on(queue, late + kLater, kSlow);
        ASSERT_TRUE(queue.find()) << "stopped before call " << stop;
        EXPECT_EQ(count_with(queue.reports(), "Action: delayed"), 1U)
            << "stopped before call " << stop;
    }
    EXPECT_GT(stop, 15U);
}

TEST(Reporting, ADeathAtAnyCallCostsNoReportOfSuccessAndGivesNoSecondOne) {
    const auto accept = [](Life& life, Queue& queue) {
        auto claimed = life.store.claim(*queue.find());
        EXPECT_TRUE(claimed.claim) << claimed.reason;
        (void)life.run(std::make_unique<AcceptingClaim>(std::move(claimed.claim)));
    };
    std::size_t stop = 1;
    for (bool is_stopped = true; is_stopped; ++stop) {
        Queue queue;
        auto envelope = make_envelope({"bob@a.example", "eve@b.example"});
        envelope.recipients[0].notify = static_cast<mail::NotifySet>(mail::Notify::success);
        queue.commit(envelope);
        {
            Life life(queue);
            life.files.stop_before(stop);
            try {
                accept(life, queue);
            } catch (const test::Stopped&) {
            }
            is_stopped = life.files.is_stopped();
        }
        EXPECT_TRUE(queue.find() || queue.reports().size() == 1) << "stopped before call " << stop;

        if (queue.find()) {
            Life life(queue, kArrival + kLater);
            accept(life, queue);
        }
        EXPECT_EQ(queue.find(), std::nullopt) << "stopped before call " << stop;
        ASSERT_THAT(queue.reports(), SizeIs(1)) << "stopped before call " << stop;
        EXPECT_THAT(queue.reports()[0], testing::HasSubstr("rfc822; bob@a.example"));
        EXPECT_THAT(queue.reports()[0], testing::Not(testing::HasSubstr("eve@b.example")));
    }
    EXPECT_GT(stop, 15U);
}

/// A full disk lets the report through, but not its note: the process dies with
/// it in memory.
TEST(Reporting, AReportThatCouldNotBeNotedIsFoundByTheNextEngine) {
    Queue queue;
    queue.commit(make_envelope({"bob@gone.example", "eve@slow.example"}));
    {
        Life life(queue);
        kSlow(life);
        auto claimed = life.store.claim(*queue.find());
        life.files.fail(3, ENOSPC, "pwrite");  // two domains, then the note
        life.files.fail(4, ENOSPC, "pwrite");
        life.start(std::move(claimed.claim));
        life.go_on();
        EXPECT_FALSE(life.is_finished());
    }
    ASSERT_THAT(queue.reports(), SizeIs(1));
    live_on(queue, kArrival + kLater, kNobodyKnowsTheDomain);

    EXPECT_EQ(queue.find(), std::nullopt);
    EXPECT_EQ(count_with(queue.reports(), "rfc822; bob@gone.example"), 1U);
    EXPECT_EQ(count_with(queue.reports(), "rfc822; eve@slow.example"), 1U);
}

TEST(Reporting, ManyRecipientsGetSeveralReportsOneOfThemForEach) {
    std::vector<std::string> recipients;
    for (int i = 1000; i < 2001; ++i) {
        recipients.push_back("user" + std::to_string(i) + "@gone.example");
    }
    Queue queue;
    queue.commit(make_envelope(recipients));
    // Dies between the second report and its note.
    {
        Life life(queue);
        auto claimed = life.store.claim(*queue.find());
        life.files.fail(3, EIO, "pwrite");
        life.files.fail_always("unlink", EIO);
        life.start(std::move(claimed.claim));
        life.go_on();
    }
    live_on(queue, kArrival + kLater, kNobodyKnowsTheDomain);

    EXPECT_EQ(queue.find(), std::nullopt);
    EXPECT_THAT(queue.reports(), SizeIs(3));
    for (const char* const user : {"user1000@", "user1499@", "user1500@", "user2000@"}) {
        EXPECT_EQ(count_with(queue.reports(), std::string("rfc822; ") + user), 1U) << user;
    }
}

}  // namespace
}  // namespace mxpost::deliver
