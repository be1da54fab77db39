// Reports: the mail that tells a sender what became of a message (RFC 3464 in RFC 6522's
// multipart/report), and whether one is due (RFC 3461).
//
// A report has three parts: plain words for people first, the same facts for programs, and the
// message or its header. All text of peers is made printable and indented, so it can't end a part,
// add a field, or move a terminal's cursor.
//
// RFC 6533: where the sender's address needs SMTPUTF8, so does the report, and its fields have
// addresses in UTF-8 (message/global-delivery-status). Any other report may pass servers and
// readers that know ASCII only: there the second part has "\x{FC}" for them
// (message/delivery-status).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "mail/content.h"
#include "mail/envelope.h"
#include "spool/entry_name.h"
#include "spool/journal.h"

namespace mxpost::dsn {

/// More recipients than this go into several reports: that bounds their size.
inline constexpr std::size_t kMaxReportRecipients = 500;
/// Messages up to these sizes come back whole, larger ones as header only.
inline constexpr std::uint64_t kMaxReturnedByDefault = 50U << 10;
inline constexpr std::uint64_t kMaxReturnedOnRequest = 1U << 20;  // RET=FULL

struct ReportRecipient {
    ReportRecipient(std::uint32_t index_, const spool::RecipientState* state_)
        : index(index_), state(state_) {}

    std::uint32_t index;                 // in the envelope
    const spool::RecipientState* state;  // its `last` outcome is reported; not null
    /// What the outcome means and who can mend it, one sentence for people; empty: nothing is
    /// known.
    std::string explanation;
    WallTime retry_until;  // for a delay: when it is given up
};

/// What to report. The pointers need to live as long as the call.
struct ReportRequest {
    spool::ReportKind kind = spool::ReportKind::failure;
    const mail::Envelope* envelope = nullptr;  // the original; its sender is not null
    spool::MessageId id;                       // of the original
    std::string header;                // of the original: lines with CRLF, without the empty line
    mail::Content* content = nullptr;  // of the original, from header to end; null: header only
    std::vector<ReportRecipient> recipients;  // at least one
    /// The original's sender as the field To is to have it, with A-labels if that makes it ASCII;
    /// unset: as it is in the envelope.
    std::optional<mail::Address> to;
    /// Where the report goes, if that isn't the original's sender as the envelope has it.
    std::optional<mail::Address> recipient;
    std::string reporting_mta;   // this host's name
    spool::MessageId report_id;  // the new message's
    /// Random bits, which nobody could foresee: others choose the id and what the parts hold, and
    /// the boundary must be in none of them.
    std::uint64_t boundary_seed = 0;
    WallTime now;
    std::chrono::minutes utc_offset{0};  // of dates in the text
};

/// A message ready for Store::submit.
struct Report {
    spool::ReportKind kind = spool::ReportKind::failure;
    std::vector<std::uint32_t> recipients;  // whom it is about: indices in the original's envelope
    mail::Envelope envelope;  // null sender, to the original's sender, NOTIFY=NEVER, is_bounce
    std::string header;       // lines with CRLF, without the empty line
    std::string body;         // lines with CRLF, each at most 998 octets
};

/// Never fails: a content that can't be read (or isn't clean: bare CR or LF, lines over 998 octets)
/// is left out in favour of the header. Throws std::invalid_argument on a request without sender or
/// recipients: wants_report() is asked first.
Report make_report(const ReportRequest& request);

/// Whether the sender is to hear of this (RFC 3461 4.1, 5.2): never for a null sender, a report, or
/// NOTIFY=NEVER; without NOTIFY failures and delays, but no success. Whether the next hop takes
/// over the duty to report success is the caller's to know.
bool wants_report(
    const mail::Envelope& envelope, const mail::Recipient& recipient, spool::ReportKind kind
);

}  // namespace mxpost::dsn
