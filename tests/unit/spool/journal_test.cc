#include "spool/journal.h"

#include <string>

#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "spool/fields.h"

namespace mxpost::spool {
namespace {

using mail::OutcomeKind;

const WallTime kTime(std::chrono::microseconds(1704110400123456));

OutcomeRecord make_outcome() {
    OutcomeRecord record;
    record.recipient = 7;
    record.time = kTime;
    record.outcome = mail::RecipientOutcome(OutcomeKind::failed, {5, 1, 1}, "no such user");
    record.outcome.reply_code = 550;
    record.outcome.remote_host = "mx.example.org";
    record.outcome.remote_address = "2001:db8::1";
    record.outcome.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384 untrusted";
    record.outcome.success = mail::SuccessReport::expanded;
    return record;
}

template <class T>
T round_trip(const T& record) {
    const std::string octets = encode_record(record);
    const auto parsed = parse_record(octets + "what follows");
    EXPECT_TRUE(parsed && parsed->record);
    EXPECT_EQ(parsed->size, octets.size());
    return std::get<T>(*parsed->record);
}

std::string framed(const std::string& body) {
    std::string octets;
    put_u32(octets, static_cast<std::uint32_t>(body.size()));
    put_u32(octets, crc32c(0, body));
    return octets + body;
}

TEST(Record, AnOutcomeRoundTrips) {
    const OutcomeRecord record = round_trip(make_outcome());
    EXPECT_EQ(record.recipient, 7U);
    EXPECT_EQ(record.time, kTime);
    EXPECT_EQ(record.outcome.kind, OutcomeKind::failed);
    EXPECT_EQ(record.outcome.status.text(), "5.1.1");
    EXPECT_EQ(record.outcome.reply_code, 550);
    EXPECT_EQ(record.outcome.text, "no such user");
    EXPECT_EQ(record.outcome.remote_host, "mx.example.org");
    EXPECT_EQ(record.outcome.remote_address, "2001:db8::1");
    EXPECT_EQ(record.outcome.tls, "TLSv1.3 TLS_AES_256_GCM_SHA384 untrusted");
    EXPECT_EQ(record.outcome.success, mail::SuccessReport::expanded);
}

OutcomeRecord deferral(std::uint32_t recipient, const std::string& text) {
    OutcomeRecord record;
    record.recipient = recipient;
    record.time = kTime;
    record.outcome = mail::RecipientOutcome(OutcomeKind::deferred, {4, 4, 1}, text);
    return record;
}

TEST(Record, AnotherDeferralForTheSameReasonsRoundTrips) {
    const AgainRecord record = round_trip(AgainRecord{kTime, {0, 7, 70000}});
    EXPECT_EQ(record.time, kTime);
    EXPECT_EQ(record.recipients, (std::vector<std::uint32_t>{0, 7, 70000}));
}

TEST(JournalState, AnotherDeferralCountsAndKeepsItsReason) {
    JournalState state(3);
    state.apply(deferral(1, "no answer"));
    const WallTime later = kTime + std::chrono::hours(1);
    state.apply(AgainRecord{later, {0, 1, 9}});
    EXPECT_EQ(state.recipients[0].attempts, 0U);  // there is nothing to repeat
    EXPECT_EQ(state.recipients[1].attempts, 2U);
    EXPECT_EQ(state.recipients[1].last_time, later);
    EXPECT_EQ(state.recipients[1].last->text, "no answer");
}

TEST(JournalState, IsLargeLongBeforeItsBound) {
    JournalState state(1);
    for (int i = 0; i < 256; ++i) {
        EXPECT_FALSE(state.is_large());
        state.apply(DialogueRecord{kTime, std::string(65537, 'x')});
    }
    EXPECT_TRUE(state.is_large());
    EXPECT_LT(state.octets, kMaxJournal / 2);
}

TEST(JournalState, OnlyTheSameDeferralIsARepetition) {
    JournalState state(1);
    const auto same = deferral(0, std::string(600, 'x')).outcome;
    EXPECT_FALSE(state.is_repeated_by(0, same));
    state.apply(std::get<OutcomeRecord>(*parse_record(encode_record(deferral(0, same.text)))->record
    ));
    EXPECT_TRUE(state.is_repeated_by(0, same));  // the journal keeps 512 octets of it
    EXPECT_FALSE(state.is_repeated_by(0, deferral(0, "other").outcome));
    auto failed = same;
    failed.kind = OutcomeKind::failed;
    EXPECT_FALSE(state.is_repeated_by(0, failed));
    auto elsewhere = same;
    elsewhere.remote_address = "192.0.2.1";
    EXPECT_FALSE(state.is_repeated_by(0, elsewhere));
    state.octets = kMaxJournal / 2;
    EXPECT_TRUE(state.is_repeated_by(0, elsewhere));
    EXPECT_FALSE(state.is_repeated_by(0, failed));
}

TEST(Record, WhoReportsSuccessRoundTrips) {
    OutcomeRecord record = make_outcome();
    for (int i = 0; i <= static_cast<int>(mail::SuccessReport::expanded); ++i) {
        record.outcome.success = static_cast<mail::SuccessReport>(i);
        EXPECT_EQ(round_trip(record).outcome.success, record.outcome.success);
    }
    record.outcome.success = static_cast<mail::SuccessReport>(77);  // of a later version
    EXPECT_EQ(round_trip(record).outcome.success, mail::SuccessReport::due);
}

TEST(Record, TheOthersRoundTrip) {
    DialogueRecord dialogue;
    dialogue.time = kTime;
    dialogue.lines = "S: 220 mx\nC: EHLO host";
    EXPECT_EQ(round_trip(dialogue).lines, dialogue.lines);
    ReportRecord report;
    report.kind = ReportKind::delay;
    report.time = kTime;
    report.report_id = "01hk2w7yz0c0000000";
    report.recipients = {0, 3, UINT32_MAX};
    EXPECT_EQ(round_trip(report).kind, ReportKind::delay);
    EXPECT_EQ(round_trip(report).report_id, report.report_id);
    EXPECT_EQ(round_trip(report).recipients, report.recipients);
    NoteRecord note;
    note.time = kTime;
    note.text = "local mailbox needs the system engine";
    EXPECT_EQ(round_trip(note).text, note.text);
    EXPECT_EQ(round_trip(note).time, kTime);
}

TEST(Record, AHoldAndItsEndRoundTrip) {
    const HoldRecord held{kTime, true, "alice (uid 1000)"};
    EXPECT_EQ(round_trip(held).time, kTime);
    EXPECT_TRUE(round_trip(held).is_held);
    EXPECT_EQ(round_trip(held).by, "alice (uid 1000)");
    EXPECT_FALSE(round_trip(HoldRecord{kTime, false, "root"}).is_held);
    EXPECT_LT(encode_record(HoldRecord{kTime, true, std::string(100000, 'x')}).size(), 512U);
}

TEST(Journal, IsHeldUntilTheEndOfIt) {
    JournalState state(1);
    EXPECT_FALSE(state.is_held());
    state.apply(HoldRecord{kTime, true, "root"});
    ASSERT_TRUE(state.is_held());
    EXPECT_EQ(state.hold->by, "root");
    state.apply(make_outcome());
    EXPECT_TRUE(state.is_held());
    state.apply(HoldRecord{kTime, false, "root"});
    EXPECT_FALSE(state.is_held());
}

TEST(Record, TheLargestOutcomeFitsTheReservedRoom) {
    OutcomeRecord record = make_outcome();
    record.outcome.text = std::string(100000, 't');
    record.outcome.remote_host = std::string(100000, 'h');
    record.outcome.remote_address = std::string(100000, 'a');
    record.outcome.tls = std::string(100000, 'l');
    EXPECT_LE(encode_record(record).size(), kMaxOutcomeRecord);
    EXPECT_EQ(round_trip(record).outcome.text.size(), mail::kMaxOutcomeText);
}

TEST(Record, ADialogueIsCut) {
    DialogueRecord dialogue;
    dialogue.lines = std::string(1U << 20, 'x');
    EXPECT_LE(encode_record(dialogue).size(), kMaxRecord);
}

TEST(Record, EachCutIsTorn) {
    const std::string octets = encode_record(make_outcome());
    for (std::size_t size = 0; size < octets.size(); ++size) {
        EXPECT_FALSE(parse_record(octets.substr(0, size))) << size;
    }
}

TEST(Record, EveryFlippedBitIsSeen) {
    const std::string octets = encode_record(make_outcome());
    for (std::size_t bit = 0; bit < octets.size() * 8; ++bit) {
        std::string changed = octets;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
        EXPECT_FALSE(parse_record(changed)) << bit;
    }
}

TEST(Record, RoomThatWasReservedIsNoRecord) {
    EXPECT_FALSE(parse_record(std::string(4096, '\0')));
    EXPECT_FALSE(parse_record(std::string(4096, '\xFF')));
}

TEST(Record, TypesOfLaterVersionsArePassedOver) {
    const auto parsed = parse_record(framed("\x63whatever"));
    ASSERT_TRUE(parsed);
    EXPECT_FALSE(parsed->record);
    EXPECT_EQ(parsed->size, 17U);
}

TEST(Record, ForgedRecordsGiveNothing) {
    std::string body = "\x01";
    FieldWriter(body).number(3, 9);  // no such kind
    EXPECT_FALSE(parse_record(framed(body))->record);
    EXPECT_FALSE(parse_record(framed(std::string(
                                  "\x01\x06\xFF\xFF\xFF\x7F"
                                  "abc",
                                  9
                              )))
                     ->record);
    EXPECT_FALSE(parse_record(framed("\x03"))->record);
    body = "\x01";
    FieldWriter writer(body);
    writer.number(3, 1);
    writer.number(1, UINT64_MAX);
    writer.number(2, UINT64_MAX);
    writer.text(6, std::string(100000, 'x'));
    const auto parsed = parse_record(framed(body));
    ASSERT_TRUE(parsed->record);
    const auto& outcome = std::get<OutcomeRecord>(*parsed->record);
    EXPECT_LE(outcome.time, WallTime(std::chrono::hours(24 * 366 * 1200)));
    EXPECT_EQ(outcome.outcome.text.size(), mail::kMaxOutcomeText);
}

TEST(JournalState, KeepsTheLastOutcomeAndCounts) {
    JournalState state(8);
    EXPECT_TRUE(state.recipients[7].is_pending());
    OutcomeRecord record = make_outcome();
    record.outcome.kind = OutcomeKind::deferred;
    state.apply(record);
    EXPECT_TRUE(state.recipients[7].is_pending());
    record.outcome.kind = OutcomeKind::delivered;
    state.apply(record);
    EXPECT_FALSE(state.recipients[7].is_pending());
    EXPECT_EQ(state.recipients[7].attempts, 2U);
    EXPECT_TRUE(state.recipients[6].is_pending());
}

TEST(JournalState, KeepsTheDeferralAfterWhichARecipientWasGivenUp) {
    JournalState state(2);
    const mail::RecipientOutcome given_up(OutcomeKind::failed, kGivenUp, "given up");
    mail::RecipientOutcome refused(OutcomeKind::failed, kGivenUp, "in transit for too long");
    refused.reply_code = 554;
    const mail::RecipientOutcome later(OutcomeKind::deferred, {4, 4, 1}, "connection refused");
    const WallTime tried{std::chrono::hours(1)};
    state.apply(OutcomeRecord{0, tried, later});
    state.apply(OutcomeRecord{0, tried + std::chrono::hours(1), given_up});
    EXPECT_EQ(state.recipients[0].attempts, 1U);  // RFC 3464 2.3.7: that was none
    EXPECT_EQ(state.recipients[0].last_time, tried);
    ASSERT_TRUE(state.recipients[0].last_deferral);
    EXPECT_EQ(state.recipients[0].last_deferral->text, "connection refused");
    EXPECT_EQ(state.recipients[0].last->text, "given up");
    state.apply(OutcomeRecord{1, {}, later});
    state.apply(OutcomeRecord{1, {}, refused});
    EXPECT_FALSE(state.recipients[1].last_deferral);
}

TEST(JournalState, RecipientsThatAreNotThereAreIgnored) {
    JournalState state(1);
    OutcomeRecord record = make_outcome();
    record.recipient = 1;
    state.apply(record);
    ReportRecord report;
    report.recipients = {1, UINT32_MAX, 0};
    state.apply(report);
    EXPECT_TRUE(state.recipients[0].is_pending());
    EXPECT_TRUE(state.recipients[0].is_failure_reported);
    EXPECT_FALSE(state.recipients[0].is_delay_reported);
}

TEST(JournalState, AnOutcomeEndsANote) {
    JournalState state(8);
    NoteRecord note;
    note.text = "waits";
    state.apply(note);
    EXPECT_EQ(state.note, "waits");
    state.apply(make_outcome());
    EXPECT_EQ(state.note, "");
}

}  // namespace
}  // namespace mxpost::spool
