#include "submit/outcomes.h"

#include <algorithm>

#include "base/text.h"

namespace mxpost::submit {
namespace {

using mail::OutcomeKind;
using mail::RecipientOutcome;

/// The journal's "C: …" and "S: …" as "C> …" and "S> …".
std::string shown(std::string_view line) {
    std::string text = printable(line);
    if (text.starts_with("C: ") || text.starts_with("S: ")) {
        text[1] = '>';
    }
    return text;
}

bool is_kind(const std::optional<RecipientOutcome>& outcome, OutcomeKind kind) {
    return outcome && outcome->kind == kind;
}

/// The status that all failed recipients share.
ExitStatus failures_together(const Outcomes& outcomes) {
    std::optional<ExitStatus> shared;
    for (const auto& outcome : outcomes.all()) {
        if (!is_kind(outcome, OutcomeKind::failed)) {
            continue;
        }
        const ExitStatus status = failure_status(*outcome);
        if (shared && *shared != status) {
            return ExitStatus::unavailable;
        }
        shared = status;
    }
    return shared.value_or(ExitStatus::ok);
}

std::string explained(const RecipientOutcome& outcome) {
    std::string text;
    if (outcome.reply_code != 0) {
        text = std::to_string(outcome.reply_code) + " ";
    }
    // Servers put the enhanced code at the front of their text themselves.
    if (outcome.status.klass != 0 && mail::EnhancedStatus::parse_prefix(outcome.text).klass == 0) {
        text += outcome.status.text() + " ";
    }
    text += printable(outcome.text, mail::kMaxOutcomeText);
    if (!outcome.remote_host.empty()) {
        text += " [" + printable(outcome.remote_host, 255) + "]";
    }
    return text;
}

}  // namespace

Outcomes::Outcomes(const mail::Envelope& envelope, LineSink on_dialogue)
    : on_dialogue_(std::move(on_dialogue)), outcomes_(envelope.recipients.size()) {}

void Outcomes::apply(const spool::Record& record) {
    if (const auto* const outcome = std::get_if<spool::OutcomeRecord>(&record)) {
        if (outcome->recipient < outcomes_.size()) {
            auto& place = outcomes_[outcome->recipient];
            known_ += place ? 0U : 1U;
            place = outcome->outcome;
        }
    } else if (const auto* const dialogue = std::get_if<spool::DialogueRecord>(&record)) {
        if (on_dialogue_) {
            for (const std::string_view line : split(dialogue->lines, '\n')) {
                on_dialogue_(shown(line));
            }
        }
    } else if (const auto* const report = std::get_if<spool::ReportRecord>(&record)) {
        if (report->kind == spool::ReportKind::failure && !report->report_id.empty()) {
            reported_.insert(report->recipients.begin(), report->recipients.end());
        }
    } else if (const auto* const note = std::get_if<spool::NoteRecord>(&record)) {
        note_ = note->text;
    }
}

ExitStatus failure_status(const RecipientOutcome& outcome) {
    const auto& status = outcome.status;
    if (status.klass == 5 && status.subject == 1) {
        switch (status.detail) {
            case 2:   // bad destination system
            case 10:  // null MX (RFC 7505)
                return ExitStatus::no_host;
            case 7:  // bad sender's address, its system
            case 8:
                return ExitStatus::unavailable;
            default:
                return ExitStatus::no_user;
        }
    }
    if (status.klass == 5 && status.subject == 4 && status.detail == 4) {
        return ExitStatus::no_host;  // unable to route
    }
    const bool says_nothing = status.klass == 0 || (status.subject == 0 && status.detail == 0);
    const bool is_mailbox_reply =
        outcome.reply_code == 550 || outcome.reply_code == 551 || outcome.reply_code == 553;
    return says_nothing && is_mailbox_reply ? ExitStatus::no_user : ExitStatus::unavailable;
}

ExitStatus queued_status(const Outcomes& outcomes, mail::ErrorMode error_mode) {
    return error_mode == mail::ErrorMode::always_zero ? ExitStatus::ok
                                                      : failures_together(outcomes);
}

ExitStatus spoolless_status(const Outcomes& outcomes) {
    const auto& all = outcomes.all();
    const auto count = [&](OutcomeKind kind) {
        return static_cast<std::size_t>(std::ranges::count_if(all, [&](const auto& outcome) {
            return is_kind(outcome, kind);
        }));
    };
    const std::size_t accepted = count(OutcomeKind::delivered);
    if (accepted == all.size()) {
        return ExitStatus::ok;
    }
    if (accepted > 0) {
        for (std::uint32_t i = 0; i < all.size(); ++i) {
            if (!is_kind(all[i], OutcomeKind::delivered) && !outcomes.is_reported(i)) {
                return ExitStatus::unavailable;
            }
        }
        return ExitStatus::ok;
    }
    return count(OutcomeKind::failed) == all.size() ? failures_together(outcomes)
                                                    : ExitStatus::temp_fail;
}

std::string outcome_line(
    const mail::Recipient& recipient, const std::optional<RecipientOutcome>& outcome
) {
    std::string head = recipient.address.text() + "... ";
    if (!outcome) {
        return head + "queued: no attempt has ended yet";
    }
    switch (outcome->kind) {
        case OutcomeKind::delivered:
            return head + "Sent (" + explained(*outcome) + ")";
        case OutcomeKind::deferred:
            return head + "Deferred: " + explained(*outcome);
        case OutcomeKind::failed:
            return head + "Failed: " + explained(*outcome);
    }
    return head;
}

}  // namespace mxpost::submit
