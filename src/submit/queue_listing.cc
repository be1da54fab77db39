#include "submit/queue_listing.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "base/text.h"

namespace mxpost::submit {
namespace {

constexpr std::string_view kStatusIndent = "                 ";  // where Sendmail has them
// What these messages wait for, the others most often do. One may have 100,000 recipients.
constexpr std::size_t kLookedAt = 1000;
constexpr std::size_t kMostHeld = 10'000;  // lines

std::string padded_left(std::string text, std::size_t width) {
    return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

}  // namespace

std::string local_time(std::chrono::sys_seconds time) {
    const auto seconds = static_cast<std::time_t>(time.time_since_epoch().count());
    std::tm local{};
    ::localtime_r(&seconds, &local);
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%a %b %e %H:%M:%S %Y", &local)};
}

namespace {

std::string shown_address(const std::string& address) {
    return "<" + printable(address) + ">";
}

const char* plural(std::size_t number) {
    return number == 1 ? "" : "s";
}

}  // namespace

std::string reason_text(const spool::RecipientState& state) {
    if (!state.last) {
        return "";
    }
    const mail::RecipientOutcome& outcome = *state.last;
    std::string text = "Deferred: " + printable(mail::reply_text(outcome), mail::kMaxOutcomeText);
    // The host last and with a full stop: so do the programs that count hosts expect it.
    if (!outcome.remote_host.empty()) {
        text += outcome.reply_code == 0 ? " with " : ", says ";
        text += printable(outcome.remote_host, 255) + ".";
    }
    return text;
}

std::string next_attempt_text(const QueuedMessage& message, std::chrono::sys_seconds now) {
    if (message.is_active) {
        return "under way";
    }
    if (message.file.journal().is_held()) {
        return "when it is released";
    }
    return message.is_due(now) ? "due now" : local_time(message.name.due);
}

std::vector<std::string> message_traits(const QueuedMessage& message) {
    const mail::Envelope& envelope = message.file.envelope();
    std::vector<std::string> traits;
    const auto add = [&](bool is_so, const char* trait) {
        if (is_so) {
            traits.emplace_back(trait);
        }
    };
    add(envelope.is_bounce, "report");
    add(envelope.is_eight_bit, "8bitmime");
    add(envelope.is_smtp_utf8, "smtputf8");
    add(envelope.requires_tls, "requiretls");
    add(envelope.has_long_lines, "long-lines");
    add(envelope.is_followed, "followed");
    add(envelope.is_incomplete, "unqualified");
    return traits;
}

void QueueListing::begin_box(const QueuedBox& box) {
    put("\t\t" + box.path + " (" + std::to_string(box.messages) + " request" +
        plural(box.messages) + ")");
    put(is_verbose_
            ? "-------Q-ID------- --Size-- -Attempts- ---Q-Time--- --------Sender/Recipient--------"
            : "-------Q-ID------- --Size-- -----Q-Time----- ------------Sender/Recipient-----------"
    );
}

void QueueListing::show(const QueuedMessage& message) {
    const mail::Envelope& envelope = message.file.envelope();
    const auto arrival = to_seconds(envelope.arrival);
    const auto& states = message.file.journal().recipients;
    const bool is_held = message.file.journal().is_held();
    std::string line = message.name.id +
                       (message.is_active ? "*"
                        : is_held         ? "!"
                                          : " ") +
                       padded_left(std::to_string(message.file.content_size()), 8) + " ";
    if (is_verbose_) {
        const bool is_warned =
            std::ranges::any_of(states, &spool::RecipientState::is_delay_reported);
        line += padded_left(std::to_string(message.attempts()), 10) + (is_warned ? "+" : " ") +
                local_time(arrival).substr(4, 12);
    } else {
        line += local_time(arrival).substr(0, 16);
    }
    put(line + " " + shown_address(mail::path_text(envelope.sender)));

    const std::string note =
        is_held ? "held by " + message.file.journal().hold->by : message.file.journal().note;
    const std::string body_type = envelope.is_eight_bit ? "8BITMIME" : "";
    if (message.is_over_limit) {
        show_status(
            body_type, "waits: this user has more messages than max-queued-messages allows"
        );
    } else if (!note.empty() || !body_type.empty()) {
        show_status(body_type, printable(note, mail::kMaxOutcomeText));
    }
    if (is_verbose_) {
        show_details(message);
    }
    // Those without a reason before the first one, which would else seem to be theirs.
    show_recipients(message, true);
    show_recipients(message, false);
    if (++shown_ == kLookedAt) {
        release();
    }
}

void QueueListing::show_status(const std::string& body_type, const std::string& reason) {
    std::string line = "    " + padded_left(body_type, 10);
    if (!reason.empty()) {
        line += "   (" + reason + ")";
    }
    put(line);
}

void QueueListing::show_details(const QueuedMessage& message) {
    std::string text = "next attempt " + next_attempt_text(message, now_);
    for (const std::string& verb : message.requests) {
        text += ", " + verb + " asked for";
    }
    for (const std::string& trait : message_traits(message)) {
        text += ", " + trait;
    }
    if (!message.file.envelope().envelope_id.empty()) {
        text += ", envid " + printable(message.file.envelope().envelope_id, 100);
    }
    put(std::string(kStatusIndent) + "(" + text + ")");
}

void QueueListing::show_recipients(const QueuedMessage& message, bool is_without_outcome) {
    const auto& recipients = message.file.envelope().recipients;
    std::string shown_reason;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
        const spool::RecipientState& state = message.file.journal().recipients.at(i);
        if (!state.is_pending() || !state.last.has_value() != is_without_outcome) {
            continue;
        }
        if (state.last) {
            meanings_.note(*state.last);
        }
        const std::string reason = reason_text(state);
        if (!is_verbose_ && !reason.empty() && reason != shown_reason) {
            put(std::string(kStatusIndent) + "(" + reason + ")");
            shown_reason = reason;
        }
        put(std::string(is_verbose_ ? "\t\t\t\t\t\t" : "\t\t\t\t\t ") +
            shown_address(recipients[i].address.text()));
        if (is_verbose_ && !reason.empty()) {
            put("\t\t (" + reason + ")");
        }
    }
}

void QueueListing::end_box(const QueuedBox& box) {
    if (!box.has_engine) {
        put(std::string(kStatusIndent) + "(no engine serves " + box.path +
            ": this mail waits for the next one, or for sendmail -q)");
    }
}

void QueueListing::end(std::size_t total) {
    release();
    if (total == 0) {
        put(is_everything_ ? "Mail queue is empty" : "No message matches");
    }
    put("\t\tTotal requests: " + std::to_string(total));
}

void QueueListing::put(std::string line) {
    if (!held_) {
        out_(line);
        return;
    }
    held_->push_back(std::move(line));
    if (held_->size() == kMostHeld) {
        release();
    }
}

/// The head, then what waited for it.
void QueueListing::release() {
    if (!held_) {
        return;
    }
    for (const auto& [meaning, count] : meanings_.counts()) {
        out_(
            std::string(kStatusIndent) + "(" + printable(meaning) + " (" + std::to_string(count) +
            " recipient" + plural(count) + "))"
        );
    }
    for (const std::string& line : *held_) {
        out_(line);
    }
    held_.reset();
}

}  // namespace mxpost::submit
