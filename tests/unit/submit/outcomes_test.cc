#include "submit/outcomes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mxpost::submit {
namespace {

using mail::OutcomeKind;
using mail::RecipientOutcome;
using testing::ElementsAre;

RecipientOutcome outcome(OutcomeKind kind, mail::EnhancedStatus status, std::uint16_t code = 0) {
    RecipientOutcome result(kind, status, "words");
    result.reply_code = code;
    return result;
}

const RecipientOutcome kSent = outcome(OutcomeKind::delivered, {2, 0, 0}, 250);
const RecipientOutcome kLater = outcome(OutcomeKind::deferred, {4, 4, 1});
const RecipientOutcome kNoUser = outcome(OutcomeKind::failed, {5, 1, 1}, 550);
const RecipientOutcome kNoHost = outcome(OutcomeKind::failed, {5, 1, 2});
const RecipientOutcome kRefused = outcome(OutcomeKind::failed, {5, 7, 1}, 554);

/// Outcomes of the recipients in turn; recipients without one come last.
struct Message {
    explicit Message(const std::vector<RecipientOutcome>& known, std::size_t unknown = 0) {
        envelope.recipients.resize(known.size() + unknown);
        outcomes.emplace(envelope, LineSink());
        for (std::size_t i = 0; i < known.size(); ++i) {
            outcomes->apply(spool::OutcomeRecord{
                static_cast<std::uint32_t>(i), WallTime(), known[i]});
        }
    }
    mail::Envelope envelope;
    std::optional<Outcomes> outcomes;
};

ExitStatus queued(const std::vector<RecipientOutcome>& known, std::size_t unknown = 0) {
    return queued_status(*Message(known, unknown).outcomes, mail::ErrorMode::mail);
}
ExitStatus spoolless(const std::vector<RecipientOutcome>& known, std::size_t unknown = 0) {
    return spoolless_status(*Message(known, unknown).outcomes);
}

TEST(FailureStatus, TellsUserHostAndTheRestApart) {
    const auto status = [](mail::EnhancedStatus enhanced, std::uint16_t code) {
        return failure_status(outcome(OutcomeKind::failed, enhanced, code));
    };
    EXPECT_EQ(status({5, 1, 1}, 550), ExitStatus::no_user);
    EXPECT_EQ(status({5, 1, 6}, 550), ExitStatus::no_user);
    EXPECT_EQ(status({5, 1, 2}, 0), ExitStatus::no_host);
    EXPECT_EQ(status({5, 1, 10}, 0), ExitStatus::no_host);
    EXPECT_EQ(status({5, 4, 4}, 0), ExitStatus::no_host);
    EXPECT_EQ(status({5, 1, 8}, 550), ExitStatus::unavailable);
    EXPECT_EQ(status({5, 7, 1}, 550), ExitStatus::unavailable);
    EXPECT_EQ(status({5, 4, 6}, 0), ExitStatus::unavailable);
    EXPECT_EQ(status({0, 0, 0}, 550), ExitStatus::no_user);
    EXPECT_EQ(status({5, 0, 0}, 553), ExitStatus::no_user);
    EXPECT_EQ(status({5, 0, 0}, 554), ExitStatus::unavailable);
}

TEST(QueuedStatus, OnlyFinalFailureIsAFailure) {
    EXPECT_EQ(queued({kSent, kLater}), ExitStatus::ok);
    EXPECT_EQ(queued({kSent}, 1), ExitStatus::ok);
    EXPECT_EQ(queued({kSent, kNoUser, kLater}), ExitStatus::no_user);
    EXPECT_EQ(queued({kNoHost, kNoHost}), ExitStatus::no_host);
    EXPECT_EQ(queued({kNoHost, kNoUser}), ExitStatus::unavailable);
    EXPECT_EQ(queued({kRefused}), ExitStatus::unavailable);
}

TEST(QueuedStatus, IsZeroInErrorModeE) {
    EXPECT_EQ(
        queued_status(*Message({kNoUser}).outcomes, mail::ErrorMode::always_zero), ExitStatus::ok
    );
}

TEST(SpoollessStatus, NeverAsksForASecondTryOnceAnybodyHasIt) {
    EXPECT_EQ(spoolless({kSent, kSent}), ExitStatus::ok);
    EXPECT_EQ(spoolless({kSent, kLater}), ExitStatus::unavailable);
    EXPECT_EQ(spoolless({kSent}, 1), ExitStatus::unavailable);
    EXPECT_EQ(spoolless({kLater, kNoUser}), ExitStatus::temp_fail);
    EXPECT_EQ(spoolless({}, 2), ExitStatus::temp_fail);
    EXPECT_EQ(spoolless({kNoUser}, 1), ExitStatus::temp_fail);
    EXPECT_EQ(spoolless({kNoUser, kNoUser}), ExitStatus::no_user);
    EXPECT_EQ(spoolless({kNoHost}), ExitStatus::no_host);
}

TEST(SpoollessStatus, IsZeroWhenTheRestWasReported) {
    Message message({kSent, kNoUser});
    message.outcomes->apply(spool::ReportRecord{spool::ReportKind::failure, WallTime(), "", {1}});
    EXPECT_EQ(spoolless_status(*message.outcomes), ExitStatus::unavailable);  // none was due
    message.outcomes->apply(spool::ReportRecord{spool::ReportKind::failure, WallTime(), "id", {1}});
    EXPECT_EQ(spoolless_status(*message.outcomes), ExitStatus::ok);
}

TEST(SpoollessStatus, IsNotWhenOnlySomeOfTheRestWereReported) {
    Message message({kSent, kNoUser, kLater});
    message.outcomes->apply(spool::ReportRecord{spool::ReportKind::failure, WallTime(), "a", {2}});
    EXPECT_EQ(spoolless_status(*message.outcomes), ExitStatus::unavailable);
    message.outcomes->apply(spool::ReportRecord{spool::ReportKind::failure, WallTime(), "b", {1}});
    EXPECT_EQ(spoolless_status(*message.outcomes), ExitStatus::ok);
}

TEST(Outcomes, AreCompleteWithOneForEachRecipient) {
    Message message({}, 2);
    Outcomes& outcomes = *message.outcomes;
    outcomes.apply(spool::OutcomeRecord{0, WallTime(), kLater});
    outcomes.apply(spool::OutcomeRecord{0, WallTime(), kSent});
    outcomes.apply(spool::OutcomeRecord{7, WallTime(), kSent});  // no such recipient
    EXPECT_FALSE(outcomes.is_complete());
    outcomes.apply(spool::OutcomeRecord{1, WallTime(), kSent});
    EXPECT_TRUE(outcomes.is_complete());
    EXPECT_EQ(outcomes.all()[0]->kind, OutcomeKind::delivered);
}

TEST(Outcomes, ShowTheDialogueLineByLineWithoutControlCharacters) {
    const mail::Envelope envelope;
    std::vector<std::string> lines;
    Outcomes outcomes(envelope, [&](std::string_view line) { lines.emplace_back(line); });
    outcomes.apply(spool::DialogueRecord{
        WallTime(), "-- mx.a.test [192.0.2.1]\nS: 220 hi\x1b[2J\nC: EHLO me"});
    EXPECT_THAT(lines, ElementsAre("-- mx.a.test [192.0.2.1]", "S> 220 hi?[2J", "C> EHLO me"));
}

TEST(OutcomeLine, SaysWhatHappenedInTheServersWords) {
    const mail::Recipient bob(mail::Address("bob", "a.test"));
    RecipientOutcome failed(OutcomeKind::failed, {5, 1, 1}, "5.1.1 no such user\r\nhere");
    failed.reply_code = 550;
    failed.remote_host = "mx.a.test";
    EXPECT_EQ(
        outcome_line(bob, failed), "bob@a.test... Failed: 550 5.1.1 no such user??here [mx.a.test]"
    );
    EXPECT_EQ(outcome_line(bob, kLater), "bob@a.test... Deferred: 4.4.1 words");
    EXPECT_EQ(outcome_line(bob, kSent), "bob@a.test... Sent (250 2.0.0 words)");
    EXPECT_EQ(outcome_line(bob, std::nullopt), "bob@a.test... queued: no attempt has ended yet");
}

}  // namespace
}  // namespace mxpost::submit
