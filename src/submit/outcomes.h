// Outcomes as the waiting caller hears of them: text while they come in, an exit code at the end.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/exit_status.h"
#include "mail/envelope.h"
#include "mail/outcome.h"
#include "spool/journal.h"

namespace mxpost::submit {

/// Takes one line without its end.
using LineSink = std::function<void(std::string_view line)>;

/// The journal's records of one message, from the first on.
class Outcomes {
public:
    /// For `envelope`'s recipients. `on_dialogue` (may be empty) gets "C> …" and "S> …" lines.
    Outcomes(const mail::Envelope& envelope, LineSink on_dialogue);

    void apply(const spool::Record& record);

    /// Every recipient has had an outcome.
    bool is_complete() const { return known_ == outcomes_.size(); }
    /// The engine said why it leaves the message alone for now.
    bool has_note() const { return !note_.empty(); }
    const std::string& note() const { return note_; }
    /// A report that this recipient has failed is durably queued or was sent.
    bool is_reported(std::uint32_t recipient) const { return reported_.contains(recipient); }
    /// By recipient; nothing: no outcome yet.
    const std::vector<std::optional<mail::RecipientOutcome>>& all() const { return outcomes_; }

private:
    LineSink on_dialogue_;
    std::vector<std::optional<mail::RecipientOutcome>> outcomes_;
    std::size_t known_ = 0;
    std::string note_;
    std::set<std::uint32_t> reported_;
};

/// EX_NOUSER, EX_NOHOST or EX_UNAVAILABLE for one failed recipient.
ExitStatus failure_status(const mail::RecipientOutcome& outcome);

/// After waiting for a queued message: 0 unless a recipient has failed for good. Where several
/// failed in different ways: EX_UNAVAILABLE. 0 in error mode "e".
ExitStatus queued_status(const Outcomes& outcomes, mail::ErrorMode error_mode);

/// Where there is no queue: all accepted 0; some accepted 0 if the rest was reported, else
/// EX_UNAVAILABLE (never EX_TEMPFAIL: the caller would send again to those who have it); none: the
/// cause, EX_TEMPFAIL where anyone might still be reached.
ExitStatus spoolless_status(const Outcomes& outcomes);

/// "bob@a.test... Sent (250 2.0.0 Ok)", one line a recipient.
std::string outcome_line(
    const mail::Recipient& recipient, const std::optional<mail::RecipientOutcome>& outcome
);

}  // namespace mxpost::submit
