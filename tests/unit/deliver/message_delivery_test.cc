#include "deliver/message_delivery.h"

#include <ctime>
#include <filesystem>

#include "deliver_test.h"
#include "mail/date.h"
#include "spool/order.h"

namespace mxpost::deliver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::chrono::minutes kMinute{1};

class MessageDeliveryTest : public testing::Test {
protected:
    /// Keeps the message's file open, so that its journal can be read after its
    /// removal.
    void keep_open(const spool::EntryName& name) {
        auto file = queue_.files().open(
            AT_FDCWD,
            queue_.root() + "/" + std::to_string(::geteuid()) + "/" + name.text(),
            O_RDONLY
        );
        ASSERT_TRUE(file);
        kept_ = std::move(*file);
    }
    spool::JournalState kept_journal() {
        auto message = spool::MessageFile::read(queue_.files(), std::move(kept_));
        EXPECT_TRUE(message) << message.error().message();
        return message->journal();
    }
    static std::unique_ptr<spool::Claim> claim(Life& life, const spool::EntryName& name) {
        auto claimed = life.store.claim(name);
        EXPECT_TRUE(claimed.claim) << claimed.reason;
        return std::move(claimed.claim);
    }
    static std::unique_ptr<spool::Claim> accepting(Life& life, const spool::EntryName& name) {
        return std::make_unique<AcceptingClaim>(claim(life, name));
    }

    Queue queue_;
    Fd kept_;
};

TEST_F(MessageDeliveryTest, WithPort25BlockedAMessageWaitsUntried) {
    const auto name = queue_.commit(make_envelope({"bob@gone.example"}));
    Life life(queue_);
    const SteadyTime now = life.clock.steady_now();
    life.port_watch.unreachable("mx.gone.example", "gone.example", now);
    life.port_watch.confirm(now);
    const auto next = life.attempt(name);
    ASSERT_TRUE(next);
    EXPECT_GT(next->due, to_seconds(life.clock.now()));
    EXPECT_EQ(life.log.count("answers on port 25: outgoing mail is blocked"), 1);
    EXPECT_THAT(queue_.reports(), IsEmpty());

    life.port_watch.connected();
    EXPECT_EQ(life.attempt(*next), std::nullopt) << "tried, so it is known that nobody has it";
    EXPECT_THAT(queue_.reports(), SizeIs(1));
}

TEST_F(MessageDeliveryTest, AnUnknownDomainBecomesADurableBounceAndTheMessageGoes) {
    const auto name = queue_.commit(make_envelope({"bob@gone.example"}));
    keep_open(name);
    Life life(queue_);

    EXPECT_EQ(life.attempt(name), std::nullopt);
    EXPECT_TRUE(life.is_removed());
    EXPECT_EQ(queue_.find(), std::nullopt);
    ASSERT_THAT(queue_.reports(), SizeIs(1));
    EXPECT_THAT(queue_.reports()[0], HasSubstr("Final-Recipient: rfc822; bob@gone.example"));
    EXPECT_THAT(queue_.reports()[0], HasSubstr("Status: 5.1.2"));
    EXPECT_EQ(
        life.log.count("01hk2w7yz0c0000000: to=<bob@gone.example>, "
                       "host=none, delay=0.00, dsn=5.1.2, "
                       "status=bounced (host or domain name not found: "
                       "gone.example does not exist)"),
        1U
    );
    EXPECT_EQ(life.log.count("01hk2w7yz0c0000000: removed"), 1U);

    const spool::RecipientState state = kept_journal().recipients[0];
    EXPECT_EQ(state.last->kind, mail::OutcomeKind::failed);
    EXPECT_TRUE(state.is_failure_reported);
}

TEST_F(MessageDeliveryTest, SuccessIsReportedToWhoAsksUnlessTheNextHopDoesIt) {
    using mail::SuccessReport;
    for (const auto& [asked, way, count] :
         {std::tuple(mail::Notify::success, SuccessReport::due, 1U),
          std::tuple(mail::Notify::success, SuccessReport::expanded, 1U),
          std::tuple(mail::Notify::success, SuccessReport::passed_on, 0U),
          std::tuple(mail::Notify::failure, SuccessReport::due, 0U),
          std::tuple(mail::Notify::unset, SuccessReport::due, 0U),
          std::tuple(mail::Notify::never, SuccessReport::due, 0U)}) {
        Queue queue;
        auto envelope = make_envelope({"bob@a.example"});
        envelope.recipients[0].notify = static_cast<mail::NotifySet>(asked);
        const auto name = queue.commit(envelope);
        Life life(queue);
        auto claim = std::make_unique<AcceptingClaim>(this->claim(life, name), way);
        EXPECT_EQ(life.run(std::move(claim)), std::nullopt);
        EXPECT_EQ(queue.find(), std::nullopt);
        EXPECT_THAT(queue.reports(), SizeIs(count));
    }
}

TEST_F(MessageDeliveryTest, ANullSenderHearsOfNoSuccess) {
    auto envelope = make_envelope({"bob@a.example"});
    envelope.sender = std::nullopt;
    envelope.recipients[0].notify = static_cast<mail::NotifySet>(mail::Notify::success);
    const auto name = queue_.commit(envelope);
    Life life(queue_);
    EXPECT_EQ(life.run(accepting(life, name)), std::nullopt);
    EXPECT_THAT(queue_.names(), IsEmpty());
}

TEST_F(MessageDeliveryTest, TheReportIsAMessageOfItsOwnThatIsDueAtOnce) {
    const auto name = queue_.commit(make_envelope({"bob@gone.example"}));
    Life life(queue_, kArrival + kMinute);
    life.attempt(name);

    ASSERT_THAT(queue_.names(), SizeIs(1));
    const auto report = queue_.read(queue_.names()[0]);
    EXPECT_EQ(queue_.names()[0].due, to_seconds(kArrival + kMinute));
    EXPECT_TRUE(spool::is_message_id(queue_.names()[0].id));
    EXPECT_EQ(report.envelope().sender, std::nullopt);
    EXPECT_EQ(report.envelope().recipients[0].address.text(), "alice@example.com");
    EXPECT_TRUE(life.store.claim(queue_.names()[0]).claim);  // released
}

TEST_F(MessageDeliveryTest, ANullSenderGetsNoBounceButALineInTheLog) {
    mail::Envelope envelope = make_envelope({"bob@gone.example"});
    envelope.sender.reset();
    Life life(queue_);

    EXPECT_EQ(life.attempt(queue_.commit(envelope)), std::nullopt);
    EXPECT_THAT(queue_.names(), IsEmpty());
    EXPECT_EQ(life.log.count("to=<bob@gone.example>: failed, no report is due"), 1U);
}

TEST_F(MessageDeliveryTest, NotifyNeverIsPerRecipient) {
    mail::Envelope envelope = make_envelope({"bob@gone.example", "eve@gone.example"});
    envelope.recipients[0].notify = static_cast<mail::NotifySet>(mail::Notify::never);
    Life life(queue_);

    EXPECT_EQ(life.attempt(queue_.commit(envelope)), std::nullopt);
    ASSERT_THAT(queue_.reports(), SizeIs(1));
    EXPECT_THAT(queue_.reports()[0], Not(HasSubstr("bob@")));
    EXPECT_THAT(queue_.reports()[0], HasSubstr("eve@gone.example"));
    EXPECT_EQ(life.log.count("to=<bob@gone.example>: failed, no report is due"), 1U);
}

TEST_F(MessageDeliveryTest, AFailingLookUpDefersTheMessageAndRenamesItToItsNextDueTime) {
    const auto name = queue_.commit(make_envelope({"bob@slow.example"}));
    Life life(queue_);
    life.resolver.fail_mx("slow.example", "SERVFAIL from 192.0.2.53");
    const auto next = life.attempt(name);

    ASSERT_TRUE(next);
    EXPECT_EQ(queue_.find(), next);
    EXPECT_FALSE(life.is_removed());
    EXPECT_GE(next->due,
              to_seconds(kArrival) + std::chrono::seconds(225));  // 5 min - 25 %
    EXPECT_LE(next->due, to_seconds(kArrival) + std::chrono::seconds(375));
    EXPECT_EQ(queue_.state().attempts, 1U);
    EXPECT_THAT(queue_.state().last->text, HasSubstr("SERVFAIL from 192.0.2.53"));
    EXPECT_THAT(queue_.reports(), IsEmpty());
    EXPECT_EQ(life.log.count("status=deferred"), 1U);
}

// A message with thousands of recipients would outgrow the journal's bound in a day.
TEST_F(MessageDeliveryTest, ManyWhoAreDeferredAgainCostOneRecord) {
    std::vector<std::string> many;
    for (int i = 0; i < 30; ++i) {
        many.push_back("user" + std::to_string(i) + "@slow.example");
    }
    auto name = queue_.commit(make_envelope(many));
    const auto size = [&] {
        return std::filesystem::file_size(
            queue_.open(queue_.files()).path() + "/" + queue_.find()->text()
        );
    };
    std::vector<std::uintmax_t> sizes = {size()};
    for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
        Life life(queue_, kArrival + std::chrono::hours(attempt));
        life.resolver.fail_mx("slow.example", "SERVFAIL");
        const auto next = life.attempt(name);
        ASSERT_TRUE(next);
        name = *next;
        sizes.push_back(size());
        EXPECT_EQ(queue_.state(29).attempts, attempt);
        EXPECT_EQ(queue_.state(29).last_time, life.clock.now());
    }
    EXPECT_LT(sizes[2] - sizes[1], (sizes[1] - sizes[0]) / 4);
    EXPECT_EQ(sizes[3] - sizes[2], sizes[2] - sizes[1]);
}

TEST_F(MessageDeliveryTest, ManyInAsManyDomainsWhoAreDeferredAgainCostOneRecordToo) {
    std::vector<std::string> many;
    for (int i = 0; i < 30; ++i) {
        many.push_back("user@slow" + std::to_string(i) + ".example");
    }
    auto name = queue_.commit(make_envelope(many));
    std::vector<std::size_t> sizes;
    for (std::uint32_t attempt = 1; attempt <= 2; ++attempt) {
        Life life(queue_, kArrival + std::chrono::hours(attempt));
        for (int i = 0; i < 30; ++i) {
            life.resolver.fail_mx("slow" + std::to_string(i) + ".example", "SERVFAIL");
        }
        const auto next = life.attempt(name);
        ASSERT_TRUE(next);
        name = *next;
        EXPECT_EQ(queue_.state(29).attempts, attempt);
        sizes.push_back(static_cast<std::size_t>(queue_.read(name).journal().octets));
    }
    EXPECT_LT(sizes[1] - sizes[0], sizes[0] / 2);  // dialogues
}

TEST_F(MessageDeliveryTest, RecipientsEndOneByOneEachReportedOnce) {
    const auto name = queue_.commit(make_envelope({"bob@gone.example", "eve@slow.example"}));
    Life life(queue_);
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    const auto next = life.attempt(name);
    ASSERT_TRUE(next);
    ASSERT_THAT(queue_.reports(), SizeIs(1));
    EXPECT_THAT(queue_.reports()[0], HasSubstr("bob@gone.example"));
    EXPECT_THAT(queue_.reports()[0], Not(HasSubstr("eve@")));

    Life later(queue_, kArrival + 10 * kMinute);
    EXPECT_EQ(later.attempt(*next), std::nullopt);
    EXPECT_THAT(later.resolver.questions(), ElementsAre("MX slow.example"));
    const auto reports = queue_.reports();
    ASSERT_THAT(reports, SizeIs(2));
    EXPECT_EQ(
        std::ranges::count_if(
            reports,
            [](const std::string& report) {
                return report.find("bob@") == std::string::npos &&
                       report.find("eve@slow.example") != std::string::npos;
            }
        ),
        1
    );
}

TEST_F(MessageDeliveryTest, OneJobForOneDomainHoweverItIsWritten) {
    Life life(queue_);
    life.attempt(queue_.commit(make_envelope({"a@gone.example", "b@GONE.example", "c@gone.Example"})
    ));

    EXPECT_THAT(life.resolver.questions(), SizeIs(1));
    EXPECT_EQ(life.log.count("status=bounced"), 3U);
    EXPECT_THAT(queue_.reports(), SizeIs(1));
}

TEST_F(MessageDeliveryTest, WhoseDelayIsNotOverIsNotTriedWithTheOthers) {
    const auto name = queue_.commit(make_envelope({"a@slow.example", "b@gone.example"}));
    Life life(queue_);
    {
        auto claimed = claim(life, name);
        const mail::RecipientOutcome outcome(mail::OutcomeKind::deferred, {4, 4, 3}, "SERVFAIL");
        ASSERT_TRUE(claimed->append({spool::OutcomeRecord{0, kArrival, outcome}}));
    }
    const auto next = life.attempt(name);
    ASSERT_TRUE(next);
    EXPECT_THAT(life.resolver.questions(), ElementsAre("MX gone.example"));
}

TEST_F(MessageDeliveryTest, WhoAsksForAnAttemptGetsOneForAllThatWait) {
    mail::Envelope envelope = make_envelope({"a@gone.example", "b@late.example"});
    const auto name = queue_.commit(envelope);
    Life life(queue_, kArrival + std::chrono::hours(5));  // the warning is owed
    std::optional<spool::EntryName> asked;
    {
        auto claimed = claim(life, name);
        const mail::RecipientOutcome outcome(mail::OutcomeKind::deferred, {4, 4, 3}, "SERVFAIL");
        ASSERT_TRUE(claimed->append(
            {spool::OutcomeRecord{0, life.clock.now(), outcome},
             spool::OutcomeRecord{1, kArrival, outcome}}
        ));
        spool::Order order;  // Verb::retry
        ASSERT_TRUE(spool::carry_out(*claimed, order));
        asked = claimed->name();
    }
    EXPECT_TRUE(spool::is_asked_for(*asked));
    EXPECT_FALSE(spool::is_untried(*asked));
    (void)life.attempt(*asked);
    EXPECT_THAT(
        life.resolver.questions(), testing::IsSupersetOf({"MX gone.example", "MX late.example"})
    );
}

TEST_F(MessageDeliveryTest, GivesUpWhenTheLifetimeIsOverButNotBeforeAFewAttempts) {
    const auto name = queue_.commit(make_envelope({"bob@slow.example"}));
    Life life(queue_, kArrival + std::chrono::hours(121));  // the machine was off
    life.services.retry.warning = std::chrono::seconds(0);
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    std::optional<spool::EntryName> next = name;
    for (int attempt = 1; attempt <= 4; ++attempt) {
        next = life.attempt(*next);
        ASSERT_TRUE(next) << "attempt " << attempt;
        EXPECT_GT(WallTime(next->due), life.clock.now());
        life.clock.jump_to(WallTime(next->due));
    }
    EXPECT_THAT(queue_.reports(), IsEmpty());

    EXPECT_EQ(life.attempt(*next), std::nullopt);
    ASSERT_THAT(queue_.reports(), SizeIs(1));
    EXPECT_THAT(queue_.reports()[0], HasSubstr("Status: 5.4.7"));
    EXPECT_EQ(life.log.count("given up, the queue lifetime is over; the last attempt: "), 1U);
    EXPECT_EQ(queue_.find(), std::nullopt);
}

TEST_F(MessageDeliveryTest, MailWithoutASenderIsGivenUpEarlier) {
    mail::Envelope envelope = make_envelope({"bob@slow.example"});
    envelope.sender.reset();
    std::optional<spool::EntryName> next = queue_.commit(envelope);
    Life life(queue_, kArrival + std::chrono::hours(49));
    life.settings.bounce_lifetime = std::chrono::hours(48);
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    for (int attempt = 1; attempt <= 4; ++attempt) {
        next = life.attempt(*next);
        ASSERT_TRUE(next) << "attempt " << attempt;
        life.clock.jump_to(WallTime(next->due));
    }
    EXPECT_EQ(life.attempt(*next), std::nullopt);
    EXPECT_EQ(life.log.count("given up, the queue lifetime is over"), 1U);
    EXPECT_LT(life.clock.now(), kArrival + std::chrono::hours(120));
}

TEST_F(MessageDeliveryTest, AClockThatJumpsAYearEitherWayLosesNoMail) {
    for (const auto jump : {std::chrono::hours(24 * 365), -std::chrono::hours(24 * 365)}) {
        Queue queue;
        std::optional<spool::EntryName> next = queue.commit(make_envelope({"bob@slow.example"}));
        Life life(queue, kArrival + jump);
        life.services.retry.warning = std::chrono::seconds(0);
        life.resolver.fail_mx("slow.example", "SERVFAIL");
        next = life.attempt(*next);
        ASSERT_TRUE(next);
        const auto wait = WallTime(next->due) - life.clock.now();
        EXPECT_GT(wait, std::chrono::seconds(0));
        EXPECT_LE(wait, std::chrono::hours(5));
        life.clock.jump_to(kArrival + std::chrono::minutes(30));  // somebody sets it right
        next = life.attempt(*next);
        ASSERT_TRUE(next);
        EXPECT_GT(WallTime(next->due), life.clock.now());
        EXPECT_LE(WallTime(next->due), life.clock.now() + std::chrono::hours(5));
        EXPECT_THAT(queue.reports(), IsEmpty());
    }
}

TEST_F(MessageDeliveryTest, AClockThatStaysAYearBackKeepsNoMailForEver) {
    std::optional<spool::EntryName> next = queue_.commit(make_envelope({"bob@slow.example"}));
    Life life(queue_, kArrival - std::chrono::hours(24 * 365));
    life.services.retry.warning = std::chrono::seconds(0);
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    int attempts = 0;
    for (; next && attempts < 200; ++attempts) {
        const WallTime before = life.clock.now();
        next = life.attempt(*next);
        if (next) {
            EXPECT_GT(WallTime(next->due), before);
            EXPECT_LE(WallTime(next->due), before + std::chrono::hours(5));
            life.clock.jump_to(WallTime(next->due));
        }
    }
    EXPECT_EQ(next, std::nullopt);
    EXPECT_GT(attempts, 30);  // as many as in the lifetime of any message
    EXPECT_THAT(queue_.reports(), SizeIs(1));
}

/// What is deferred was refused by a server, in these words.
class RefusedClaim final : public AcceptingClaim {
public:
    RefusedClaim(std::unique_ptr<spool::Claim> real, std::uint16_t code, std::string text)
        : AcceptingClaim(std::move(real)), code_(code), text_(std::move(text)) {}

    Result<void> append(const std::vector<spool::Record>& records) override {
        return real_->append(refused(records));
    }
    void remember(const std::vector<spool::Record>& records) override {
        real_->remember(refused(records));
    }

private:
    std::vector<spool::Record> refused(const std::vector<spool::Record>& records) const {
        std::vector<spool::Record> refused = records;
        for (spool::Record& record : refused) {
            auto* outcome = std::get_if<spool::OutcomeRecord>(&record);
            if (outcome != nullptr && outcome->outcome.kind == mail::OutcomeKind::deferred) {
                outcome->outcome = {mail::OutcomeKind::deferred, {4, 7, 1}, text_};
                outcome->outcome.reply_code = code_;
                outcome->outcome.remote_host = "mx.slow.example";
            }
        }
        return refused;
    }

    std::uint16_t code_;
    std::string text_;
};

TEST_F(MessageDeliveryTest, ARefusalThatMayPassIsTriedForADayAndReturnedInTheServersWords) {
    const std::string words = "5.7.1 Client host [203.0.113.5] blocked using zen.spamhaus.org";
    auto next = std::optional(queue_.commit(make_envelope({"bob@slow.example"})));
    Life life(queue_);
    life.services.retry.warning = std::chrono::seconds(0);
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    while (life.clock.now() < kArrival + std::chrono::hours(24)) {
        next = life.run(std::make_unique<RefusedClaim>(claim(life, *next), 554, words));
        ASSERT_TRUE(next);
        EXPECT_THAT(queue_.reports(), IsEmpty());
        EXPECT_GE(
            WallTime(next->due),
            std::min(life.clock.now() + 60 * kMinute, kArrival + std::chrono::hours(24))
        );
        life.clock.jump_to(WallTime(next->due));
    }
    EXPECT_EQ(life.clock.now(), kArrival + std::chrono::hours(24));

    EXPECT_EQ(
        life.run(std::make_unique<RefusedClaim>(claim(life, *next), 554, words)), std::nullopt
    );
    ASSERT_THAT(queue_.reports(), SizeIs(1));
    EXPECT_THAT(queue_.reports()[0], HasSubstr("Status: 5.7.1"));
    EXPECT_THAT(queue_.reports()[0], HasSubstr("Diagnostic-Code: smtp; 554 5.7.1 Client host"));
}

TEST_F(MessageDeliveryTest, APatienceThatWontBeRewardedEndsAfterTwoDays) {
    const std::string words =
        "4.7.1 [TS03] All messages from 203.0.113.5 will be permanently "
        "deferred; Retrying will NOT succeed";
    auto next = std::optional(queue_.commit(make_envelope({"bob@slow.example"})));
    Life life(queue_, kArrival + std::chrono::hours(1));
    life.services.retry.warning = std::chrono::seconds(0);
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    while (next) {
        next = life.run(std::make_unique<RefusedClaim>(claim(life, *next), 421, words));
        life.clock.jump_to(next ? WallTime(next->due) : life.clock.now());
    }
    EXPECT_EQ(life.clock.now(), kArrival + std::chrono::hours(48));
    ASSERT_THAT(queue_.reports(), SizeIs(1));
    EXPECT_THAT(queue_.reports()[0], HasSubstr("Status: 5.4.7"));
    EXPECT_EQ(
        life.log.count("given up, more attempts won't help; the last attempt: 421 4.7.1 [TS03]"), 1U
    );
    EXPECT_THAT(queue_.reports()[0], HasSubstr("Yahoo blocks this host's address"));
}

TEST_F(MessageDeliveryTest, AWarningKnowsThatARuleGivesUpSooner) {
    auto next = std::optional(queue_.commit(make_envelope({"bob@slow.example"})));
    Life life(queue_);
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    while (queue_.reports().empty()) {
        ASSERT_LT(life.clock.now(), kArrival + std::chrono::hours(5));
        next = life.run(std::make_unique<RefusedClaim>(claim(life, *next), 421, "4.7.1 [TS03] no"));
        life.clock.jump_to(WallTime(next->due));
    }
    EXPECT_THAT(queue_.reports()[0], HasSubstr("Action: delayed"));
    const auto end = to_seconds(kArrival + std::chrono::hours(48));
    const std::time_t seconds = end.time_since_epoch().count();
    std::tm local{};
    ::localtime_r(&seconds, &local);
    const std::string date = mail::date_text(end, std::chrono::minutes(local.tm_gmtoff / 60));
    EXPECT_THAT(queue_.reports()[0], HasSubstr("Will-Retry-Until: " + date));
}

TEST_F(MessageDeliveryTest, WhatIsGivenUpIsOnDiskBeforeItsBounce) {
    const auto name = queue_.commit(make_envelope({"bob@slow.example"}));
    Life life(queue_);
    life.services.retry.lifetime = std::chrono::seconds(0);  // one attempt
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    life.attempt(name);

    // Else a power loss behind the bounce would leave a message that is tried
    // again, and a sender who was told that it failed.
    EXPECT_THAT(life.is_journal_synced_at_submissions, ElementsAre(true));
    // And one before the journal has the bounce could have that made and sent again.
    EXPECT_THAT(life.is_journal_synced_at_releases, ElementsAre(true));
}

TEST_F(MessageDeliveryTest, OneDomainsOutcomeIsOnDiskWhileAnotherIsWaitedFor) {
    const auto name = queue_.commit(make_envelope({"a@gone.example", "b@stalled.example"}));
    Life life(queue_);
    life.resolver.stall_mx("stalled.example");
    life.start(claim(life, name));
    life.go_on();

    EXPECT_FALSE(life.is_finished());
    EXPECT_EQ(queue_.state(0).last->kind, mail::OutcomeKind::failed);
    EXPECT_TRUE(life.is_journal_synced());
}

TEST_F(MessageDeliveryTest, WarnsOnceAfterFourHours) {
    const auto name = queue_.commit(make_envelope({"bob@slow.example"}));
    Life life(queue_, kArrival + std::chrono::hours(4) - kMinute);
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    auto next = life.attempt(name);
    ASSERT_TRUE(next);
    EXPECT_THAT(queue_.reports(), IsEmpty());
    // It is looked at in time for the warning.
    EXPECT_EQ(next->due, to_seconds(kArrival) + std::chrono::hours(4));

    for (int attempt = 0; attempt < 3; ++attempt) {
        life.clock.jump_to(WallTime(next->due));
        next = life.attempt(*next);
        ASSERT_TRUE(next);
        EXPECT_THAT(queue_.reports(), SizeIs(1)) << attempt;
        // The first of these is for the warning: no recipient's delay is over.
        EXPECT_EQ(queue_.state().attempts, static_cast<std::uint32_t>(attempt) + 1);
    }
    EXPECT_THAT(queue_.reports()[0], HasSubstr("Action: delayed"));
    EXPECT_THAT(queue_.reports()[0], HasSubstr("bob@slow.example"));
    EXPECT_TRUE(queue_.state().is_delay_reported);
}

TEST_F(MessageDeliveryTest, ABounceThatCanNotBeWrittenKeepsTheMessageAndItsOutcome) {
    for (const std::string call : {"open", "write", "fsync", "link"}) {
        Queue queue;
        const auto name = queue.commit(make_envelope({"bob@gone.example"}));
        Life life(queue);
        auto claimed = claim(life, name);
        life.files.fail_always(call, ENOSPC);
        const auto next = life.run(std::move(claimed));

        ASSERT_TRUE(next) << call;
        EXPECT_EQ(next->due, to_seconds(kArrival + 5 * kMinute)) << call;
        EXPECT_EQ(queue.names(), std::vector{*next}) << call;
        EXPECT_EQ(queue.state().last->kind, mail::OutcomeKind::failed) << call;
        EXPECT_FALSE(queue.state().is_failure_reported) << call;
        EXPECT_EQ(
            life.log.count("the message stays, the report for its sender can't be queued"), 1U
        );

        // The same claim's memory isn't needed for it: another process reports, and
        // asks nobody.
        Life later(queue, kArrival + 5 * kMinute);
        EXPECT_EQ(later.attempt(*next), std::nullopt) << call;
        EXPECT_THAT(later.resolver.questions(), IsEmpty()) << call;
        EXPECT_THAT(queue.reports(), SizeIs(1)) << call;
        EXPECT_EQ(queue.find(), std::nullopt) << call;
    }
}

TEST_F(MessageDeliveryTest, AFullDiskHoldsTheOutcomeInMemoryUntilThereIsRoom) {
    const auto name = queue_.commit(make_envelope({"bob@gone.example"}));
    Life life(queue_);
    life.files.fail_always("pwrite", ENOSPC);
    life.start(claim(life, name));
    life.go_on();

    EXPECT_FALSE(life.is_finished());
    EXPECT_TRUE(life.delivery->claim().is_unrecorded());
    EXPECT_EQ(life.log.count("outcomes can't be written down, no further attempt"), 1U);
    EXPECT_EQ(queue_.names(), std::vector{name});  // no bounce as long as that is so
    EXPECT_EQ(life.store.claim(name).refusal, spool::ClaimRefusal::busy);

    life.files.heal();
    life.delivery->stop();  // wakes it
    life.go_on();
    EXPECT_TRUE(life.is_finished());
    EXPECT_THAT(life.resolver.questions(), ElementsAre("MX gone.example"));
    EXPECT_THAT(life.is_journal_synced_at_submissions, ElementsAre(true));
    EXPECT_THAT(queue_.reports(), SizeIs(1));
    EXPECT_EQ(queue_.find(), std::nullopt);
}

TEST_F(MessageDeliveryTest, AnEngineThatEndsDoesNotWaitForTheDisk) {
    const auto name = queue_.commit(make_envelope({"bob@gone.example"}));
    Life life(queue_);
    life.files.fail_always("pwrite", ENOSPC);
    life.start(claim(life, name));
    life.go_on();
    ASSERT_FALSE(life.is_finished());
    life.delivery->stop();
    life.go_on();

    EXPECT_TRUE(life.is_finished());
    EXPECT_EQ(queue_.names(), std::vector{name});
    EXPECT_EQ(queue_.state().last, std::nullopt);
}

TEST_F(MessageDeliveryTest, AfterAFailedSyncNothingIsReportedBeforeTheOutcomeIsWrittenAnew) {
    const auto name = queue_.commit(make_envelope({"bob@gone.example"}));
    Life life(queue_);
    life.files.fail(1, EIO, "fdatasync");
    life.start(claim(life, name));
    life.go_on();
    EXPECT_FALSE(life.is_finished());
    EXPECT_EQ(life.files.count("fdatasync"), 1U);
    EXPECT_EQ(life.files.count("pwrite"), 1U);
    EXPECT_EQ(queue_.names(), std::vector{name});

    life.delivery->stop();  // wakes it
    life.go_on();
    EXPECT_TRUE(life.is_finished());
    EXPECT_EQ(life.files.count("pwrite"), 3U);  // the outcome, once more, and the report's id
    EXPECT_THAT(life.is_journal_synced_at_submissions, ElementsAre(true));
    EXPECT_THAT(queue_.reports(), SizeIs(1));
}

TEST_F(MessageDeliveryTest, AFailedSyncWhileOtherDomainsAreTriedIsNotForgotten) {
    const auto name = queue_.commit(make_envelope({"a@gone.example", "b@away.example"}));
    Life life(queue_);
    life.resolver.stall_mx("away.example");
    life.files.fail(1, EIO, "fdatasync");
    life.start(claim(life, name));
    life.go_on();
    EXPECT_EQ(life.files.count("fdatasync"), 1U);
    life.resolver.answer_mx("away.example");
    life.go_on();

    EXPECT_TRUE(life.is_finished());
    const auto& trace = life.files.trace();
    const auto first =
        std::ranges::find_if(trace, [](const auto& call) { return call.starts_with("pwrite"); });
    EXPECT_EQ(std::ranges::count(trace, *first), 2);  // all since then, once more
    EXPECT_THAT(life.is_journal_synced_at_submissions, ElementsAre(true));
    EXPECT_THAT(queue_.reports(), SizeIs(1));
}

TEST_F(MessageDeliveryTest, AllDeliveredNeedsNoSyncBecauseTheRemovalSaysItAll) {
    const auto name = queue_.commit(make_envelope({"bob@gone.example"}));
    Life life(queue_);

    EXPECT_EQ(life.run(accepting(life, name)), std::nullopt);
    EXPECT_TRUE(life.is_removed());
    EXPECT_EQ(life.files.count("fdatasync"), 0U);
    EXPECT_EQ(life.files.count("pwrite"), 0U);
    EXPECT_THAT(queue_.names(), IsEmpty());
}

TEST_F(MessageDeliveryTest, WhoFollowsFindsEveryOutcomeInTheJournalOfTheRemovedMessage) {
    mail::Envelope envelope = make_envelope({"a@gone.example", "b@away.example"});
    envelope.is_followed = true;
    const auto name = queue_.commit(envelope);
    keep_open(name);
    Life life(queue_);

    EXPECT_EQ(life.run(accepting(life, name)), std::nullopt);
    const auto& trace = life.files.trace();
    const auto synced = std::ranges::find(trace, "fdatasync");
    const auto removed = std::ranges::find(trace, "unlink " + name.text());
    EXPECT_LT(synced, removed);
    EXPECT_NE(removed, trace.end());
    for (const spool::RecipientState& state : kept_journal().recipients) {
        EXPECT_EQ(state.last->kind, mail::OutcomeKind::delivered);
    }
}

/// A full disk: to send it again, over and over, would be the worst that could
/// be done.
TEST_F(MessageDeliveryTest, WhatIsDeliveredIsRemovedAlthoughNoDiskTakesTheOutcome) {
    const auto name = queue_.commit(make_envelope({"bob@gone.example"}));
    Life life(queue_);
    auto claimed = accepting(life, name);
    life.files.fail_always("pwrite", ENOSPC);

    EXPECT_EQ(life.run(std::move(claimed)), std::nullopt);
    EXPECT_TRUE(life.is_removed());
    EXPECT_THAT(queue_.names(), IsEmpty());
}

TEST_F(MessageDeliveryTest, WhatIsDeliveredIsKeptClaimedWhenItCanBeNeitherRemovedNorRecorded) {
    const auto name = queue_.commit(make_envelope({"bob@gone.example"}));
    Life life(queue_);
    auto claimed = accepting(life, name);
    life.files.fail_always("pwrite", EIO);
    life.files.fail_always("unlink", EIO);
    life.start(std::move(claimed));
    life.go_on();
    EXPECT_FALSE(life.is_finished());
    EXPECT_EQ(life.store.claim(name).refusal, spool::ClaimRefusal::busy);

    life.files.heal();
    life.delivery->stop();
    life.go_on();
    EXPECT_TRUE(life.is_finished());
    EXPECT_THAT(queue_.names(), IsEmpty());
}

TEST_F(MessageDeliveryTest, ARemovalThatFailsLeavesTheOutcomesSoThatNothingIsSentAgain) {
    const auto name = queue_.commit(make_envelope({"bob@gone.example"}));
    Life life(queue_);
    auto claimed = claim(life, name);
    life.files.fail_always("unlink", EIO);
    EXPECT_NE(life.run(std::move(claimed)), std::nullopt);
    ASSERT_TRUE(queue_.find());

    Life later(queue_, kArrival + 5 * kMinute);
    EXPECT_EQ(later.attempt(*queue_.find()), std::nullopt);
    EXPECT_THAT(later.resolver.questions(), IsEmpty());
    EXPECT_THAT(queue_.reports(), SizeIs(1));
    EXPECT_EQ(queue_.find(), std::nullopt);
}

TEST_F(MessageDeliveryTest, WhoWaitsQuietlyForTheFirstAttemptGetsNoBounce) {
    mail::Envelope envelope = make_envelope({"bob@gone.example"});
    envelope.is_followed = true;
    for (const auto mode : {mail::ErrorMode::print, mail::ErrorMode::quiet}) {
        envelope.error_mode = mode;
        Life life(queue_);
        EXPECT_EQ(life.attempt(queue_.commit(envelope)), std::nullopt);
        EXPECT_THAT(queue_.names(), IsEmpty());
        EXPECT_EQ(life.log.count("failed, no report is due"), 1U);
    }
}

TEST_F(MessageDeliveryTest, TheBounceComesWhereNobodyWaitsOrTheFirstAttemptDidNotTell) {
    mail::Envelope envelope = make_envelope({"bob@slow.example"});
    envelope.error_mode = mail::ErrorMode::quiet;
    Life unfollowed(queue_);
    EXPECT_EQ(unfollowed.attempt(queue_.commit(envelope)), std::nullopt);
    EXPECT_THAT(queue_.reports(), SizeIs(1));

    Queue queue;
    envelope.is_followed = true;
    Life life(queue);
    life.resolver.fail_mx("slow.example", "SERVFAIL");
    const auto next = life.attempt(queue.commit(envelope));
    ASSERT_TRUE(next);
    Life later(queue, WallTime(next->due));
    EXPECT_EQ(later.attempt(*next), std::nullopt);
    EXPECT_THAT(queue.reports(), SizeIs(1));
}

TEST_F(MessageDeliveryTest, MailForThisHostWaitsAndSaysWhatToSet) {
    const auto name = queue_.commit(make_envelope({"root@Host.Example.Net"}));
    Life life(queue_);
    const auto next = life.attempt(name);

    ASSERT_TRUE(next);
    EXPECT_THAT(life.resolver.questions(), IsEmpty());
    EXPECT_EQ(queue_.state().last->kind, mail::OutcomeKind::deferred);
    EXPECT_THAT(queue_.state().last->text, HasSubstr("an alias or local-mail-to"));
}

TEST_F(MessageDeliveryTest, LocalMailGoesToTheOneAddressElsewhereInOneTransaction) {
    mail::Envelope envelope = make_envelope({"root@host.example.net", "www", "bob@gone.example"});
    envelope.is_incomplete = true;
    const auto name = queue_.commit(envelope);
    Life life(queue_);
    life.services.local_mail_to = mail::Address("ops", "gone.example");

    EXPECT_EQ(life.attempt(name), std::nullopt);
    EXPECT_THAT(life.resolver.questions(), ElementsAre("MX gone.example"));
    EXPECT_EQ(life.log.count("to=<ops@gone.example>, orig_to=<root@host.example.net>"), 1U);
    EXPECT_EQ(life.log.count("to=<ops@gone.example>, orig_to=<www@host.example.net>"), 1U);
    EXPECT_EQ(life.log.count("to=<bob@gone.example>, host=none"), 1U);
    ASSERT_THAT(queue_.reports(), SizeIs(1));
    EXPECT_THAT(queue_.reports()[0], HasSubstr("root@host.example.net"));
}

TEST_F(MessageDeliveryTest, CompletesUnqualifiedAddressesWhenTheHostsNameIsKnown) {
    mail::Envelope envelope = make_envelope({"bob"});
    envelope.sender = mail::Address("alice", "");
    envelope.is_incomplete = true;
    const auto name = queue_.commit(envelope);
    Life nameless(queue_);
    nameless.services.host_name.clear();
    nameless.services.local_domains.clear();
    const auto next = nameless.attempt(name);
    ASSERT_TRUE(next);
    EXPECT_THAT(queue_.state().last->text, HasSubstr("this host has no full name"));

    Life named(queue_, WallTime(next->due));
    named.services.host_name = "gone.example";
    named.services.local_domains.clear();
    EXPECT_EQ(named.attempt(*next), std::nullopt);
    ASSERT_THAT(queue_.reports(), SizeIs(1));
    EXPECT_THAT(queue_.reports()[0], HasSubstr("To: <alice@gone.example>"));
    EXPECT_THAT(queue_.reports()[0], HasSubstr("rfc822; bob@gone.example"));
}

/// A host without a full name, whose mail leaves from `source`.
class NamelessLife {
public:
    NamelessLife(Queue& queue, const char* source, WallTime now = kArrival)
        : life(queue, now),
          domain(
              "",
              "",
              [source] {
                  return std::vector<boost::asio::ip::address>{
                      boost::asio::ip::make_address(source)};
              },
              life.resolver,
              life.clock
          ) {
        life.services.host_name = "3f2a9c";
        life.services.sender_domain = &domain;
    }

    Life life;
    route::SenderDomain domain;
};

TEST_F(MessageDeliveryTest, GivesTheSenderOfANamelessHostWhatDnsSaysOfItsAddress) {
    mail::Envelope envelope = make_envelope({"bob@gone.example"});
    envelope.sender = mail::Address("root", "");
    envelope.is_incomplete = true;
    const auto name = queue_.commit(envelope);
    NamelessLife nameless(queue_, "192.0.2.1");
    nameless.life.resolver.add_ptr("192.0.2.1", "web1.example");
    nameless.life.resolver.add_address("web1.example", "192.0.2.1");

    EXPECT_EQ(nameless.life.attempt(name), std::nullopt);  // gone.example takes no mail: a bounce
    ASSERT_THAT(queue_.reports(), SizeIs(1));
    EXPECT_THAT(queue_.reports()[0], HasSubstr("To: <root@web1.example>"));
    EXPECT_THAT(queue_.reports()[0], HasSubstr("Reporting-MTA: dns; web1.example"));
}

TEST_F(MessageDeliveryTest, KeepsMailThatNoServerWouldTakeFromANamelessHost) {
    mail::Envelope envelope = make_envelope({"bob@gone.example"});
    envelope.sender = mail::Address("root", "");
    envelope.is_incomplete = true;
    NamelessLife nameless(queue_, "172.17.0.2");

    EXPECT_TRUE(nameless.life.attempt(queue_.commit(envelope)));
    EXPECT_THAT(nameless.life.resolver.questions(), IsEmpty());
    EXPECT_THAT(queue_.state().last->text, HasSubstr("set from-domain in mxpost.conf"));
}

TEST_F(MessageDeliveryTest, ANamelessHostSendsWhatHasAFullSender) {
    mail::Envelope envelope = make_envelope({"bob@gone.example"});
    envelope.is_incomplete = true;  // its Message-ID, say
    NamelessLife nameless(queue_, "172.17.0.2");

    EXPECT_EQ(nameless.life.attempt(queue_.commit(envelope)), std::nullopt);
    EXPECT_THAT(nameless.life.resolver.questions(), ElementsAre("MX gone.example"));
}

TEST_F(MessageDeliveryTest, VerboseFollowersGetTheDialogueAsItHappens) {
    mail::Envelope envelope = make_envelope({"bob@gone.example"});
    envelope.is_followed = envelope.is_verbose = true;
    Life life(queue_);

    EXPECT_EQ(life.attempt(queue_.commit(envelope)), std::nullopt);
    // Note, outcome, report: and the dialogue isn't written a second time.
    EXPECT_EQ(life.files.count("pwrite"), 3U);
}

}  // namespace
}  // namespace mxpost::deliver
