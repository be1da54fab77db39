// The journal behind a message: what became of each recipient, attempt by attempt.
//
// A record is length (4 octets), checksum of what follows (4 octets, CRC-32C), type (1 octet),
// fields. Records are appended by whoever holds the claim and never rewritten. A reader stops at
// the first record that is short or fails its checksum: a torn tail.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "mail/outcome.h"

namespace mxpost::spool {

inline constexpr std::size_t kRecordHead = 8;
/// No record is larger; dialogues are cut to fit.
inline constexpr std::size_t kMaxRecord = 64U << 10;
/// A journal has no more octets; mxpost keeps far below that (see JournalState::is_repeated_by).
inline constexpr std::uint64_t kMaxJournal = 64U << 20;
/// What one outcome record takes at most: this much room is reserved for each recipient.
inline constexpr std::size_t kMaxOutcomeRecord = 1024;

/// Of the last outcome of a recipient whom we gave up (RFC 3463: delivery time expired); no reply
/// code is with it.
inline constexpr mail::EnhancedStatus kGivenUp{5, 4, 7};

/// One recipient's outcome of one attempt.
struct OutcomeRecord {
    std::uint32_t recipient = 0;  // index in the envelope
    WallTime time;
    mail::RecipientOutcome outcome;
};

/// These recipients were deferred once more, as they were before: instead of the same outcome for
/// each of them, since a message with thousands would outgrow kMaxJournal in a day.
struct AgainRecord {
    WallTime time;
    std::vector<std::uint32_t> recipients;
};

/// Lines of an SMTP dialogue, each "C: …", "S: …" or "-- …", joined by LF.
struct DialogueRecord {
    WallTime time;
    std::string lines;
};

enum class ReportKind : std::uint8_t { failure = 1, delay = 2, success = 3 };

/// A report (bounce, delay warning) about these recipients is durably queued, or none is due.
struct ReportRecord {
    ReportKind kind = ReportKind::failure;
    WallTime time;
    std::string report_id;  // the report's message id; empty: none was due
    std::vector<std::uint32_t> recipients;
};

/// Why the message waits, for mailq ("local mailbox needs the system engine").
struct NoteRecord {
    WallTime time;
    std::string text;
};

/// From here on the message is held: no engine tries it, and it doesn't expire. Or it is no more.
struct HoldRecord {
    WallTime time;
    bool is_held = true;
    std::string by;  // who wanted it, in words
};

using Record =
    std::variant<OutcomeRecord, DialogueRecord, ReportRecord, NoteRecord, HoldRecord, AgainRecord>;

/// With head. Texts that are too long are cut.
std::string encode_record(const Record& record);

struct ParsedRecord {
    std::optional<Record> record;  // nothing: a type of a later version, to be skipped
    std::size_t size = 0;          // octets, with head
};

/// The octets that the record at the front claims to have, with head; nothing: there is no head.
std::optional<std::size_t> record_size(std::string_view octets);

/// The record at the front of `octets`, or nothing when it is torn (or not complete yet).
std::optional<ParsedRecord> parse_record(std::string_view octets);

/// What the journal says of one recipient so far.
struct RecipientState {
    std::optional<mail::RecipientOutcome> last;
    /// The deferral after which we gave the recipient up, as it was; null: we didn't.
    std::shared_ptr<const mail::RecipientOutcome> last_deferral;
    WallTime last_time;
    std::uint32_t attempts = 0;
    bool is_failure_reported = false;  // or none was due
    bool is_delay_reported = false;
    bool is_success_reported = false;

    bool is_pending() const { return !last || last->kind == mail::OutcomeKind::deferred; }
    bool is_delivered() const { return last && last->kind == mail::OutcomeKind::delivered; }
};

/// The journal replayed.
struct JournalState {
    explicit JournalState(std::size_t recipient_count) : recipients(recipient_count) {}
    void apply(const Record& record);
    /// May an AgainRecord stand for this outcome? Where the journal has grown large, the words of
    /// another deferral are given up for that.
    bool is_repeated_by(std::uint32_t recipient, const mail::RecipientOutcome& outcome) const;

    std::vector<RecipientState> recipients;
    std::uint64_t octets = 0;        // that outcomes and dialogues have taken so far, about
    std::string note;                // the last one; emptied by a later outcome
    std::optional<HoldRecord> hold;  // by which it is held; nothing: it isn't

    bool is_held() const { return hold.has_value(); }
    /// What is left is for the last outcomes, which are told to the sender: dialogues and the words
    /// of further deferrals aren't kept.
    bool is_large() const { return octets > kMaxJournal / 4; }
};

}  // namespace mxpost::spool
