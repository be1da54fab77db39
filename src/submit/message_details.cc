#include "submit/message_details.h"

#include <array>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "submit/queue_json.h"
#include "submit/queue_listing.h"

namespace mxpost::submit {
namespace {

constexpr std::size_t kMaxShownLine = 4096;
constexpr std::size_t kMaxJsonHeader = 64U << 10;

std::string state_text(const QueuedMessage& message) {
    const spool::JournalState& journal = message.file.journal();
    std::string text =
        message.is_active   ? "being sent"
        : journal.is_held() ? "held by " + printable(journal.hold->by, 255) + " since " +
                                  local_time(to_seconds(journal.hold->time))
        : message.attempts() > 0 ? "waits after " + std::to_string(message.attempts()) +
                                       (message.attempts() == 1 ? " attempt" : " attempts")
                                 : "waits for its first attempt";
    for (const std::string& verb : message.requests) {
        text += ", " + verb + " asked for";
    }
    if (!message.box.has_engine && !message.is_active) {
        text += ", no engine serves its box";
    }
    return text;
}

std::string joined(const std::vector<std::string>& texts) {
    std::string result;
    for (const std::string& text : texts) {
        result += (result.empty() ? "" : ", ") + text;
    }
    return result;
}

/// What RFC 3461's parameters of RCPT say, as they do; empty: nothing but the defaults.
std::string report_wishes(const mail::Recipient& recipient) {
    using mail::Notify;
    constexpr std::array<std::pair<Notify, const char*>, 4> kWords = {{
        {Notify::never, "NEVER"},
        {Notify::success, "SUCCESS"},
        {Notify::failure, "FAILURE"},
        {Notify::delay, "DELAY"},
    }};
    std::string text;
    for (const auto& [bit, word] : kWords) {
        if (has(recipient.notify, bit)) {
            text += (text.empty() ? "NOTIFY=" : ",") + std::string(word);
        }
    }
    if (!recipient.original_recipient.empty()) {
        text += (text.empty() ? "ORCPT=" : " ORCPT=") + printable(recipient.original_recipient);
    }
    return text;
}

std::string return_text(mail::DsnReturn value) {
    switch (value) {
        case mail::DsnReturn::full:
            return "the whole message (RET=FULL)";
        case mail::DsnReturn::headers:
            return "the header (RET=HDRS)";
        case mail::DsnReturn::unset:
            break;
    }
    return "";
}

/// Calls `visit` with each line, without its end. A last line without end is one, too.
void visit_lines(std::string_view text, const std::function<void(std::string_view)>& visit) {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        visit(line);
    }
}

/// Tabs are no danger to a terminal.
std::string shown_line(std::string_view line) {
    std::string text(line);
    for (char& c : text) {
        c = c == '\t' ? ' ' : c;
    }
    return printable(text, kMaxShownLine);
}

}  // namespace

std::string outcome_text(const mail::RecipientOutcome& outcome) {
    std::string text = printable(mail::reply_text(outcome), mail::kMaxOutcomeText);
    std::string where = printable(outcome.remote_host, 255);
    if (!outcome.remote_address.empty()) {
        where += (where.empty() ? "[" : " [") + printable(outcome.remote_address, 64) + "]";
    }
    if (!outcome.tls.empty()) {
        where += ", " + printable(outcome.tls, 64);
    }
    return where.empty() ? text : text + " (" + where + ")";
}

void MessageDetails::field(std::string_view name, const std::string& value) const {
    constexpr std::size_t kWidth = 14;
    if (!value.empty()) {
        std::string line = std::string(name) + ":";
        line.resize(std::max(line.size() + 1, kWidth), ' ');
        out_(line + value);
    }
}

void MessageDetails::show_recipient(
    const mail::Recipient& recipient, const spool::RecipientState& state
) const {
    std::string line = "  <" + printable(recipient.address.text()) + ">  " + state_word(state);
    if (state.attempts > 0) {
        line += ", " + std::to_string(state.attempts) +
                (state.attempts == 1 ? " attempt, " : " attempts, the last ") +
                local_time(to_seconds(state.last_time));
    }
    if (state.is_delay_reported) {
        line += ", its sender was told of the delay";
    }
    if (state.is_failure_reported) {
        line += ", reported";
    }
    out_(line);
    if (const std::string wishes = report_wishes(recipient); !wishes.empty()) {
        out_("      " + wishes);
    }
    if (state.last) {
        out_("      " + outcome_text(*state.last));
    }
}

void MessageDetails::show_message(const QueuedMessage& message) const {
    const mail::Envelope& envelope = message.file.envelope();
    field("Message", message.name.id);
    field("Box", printable(message.box.path) + " (uid " + std::to_string(message.box.owner) + ")");
    field("State", state_text(message));
    field("Next attempt", next_attempt_text(message, now_));
    field("Arrived", local_time(to_seconds(envelope.arrival)));
    field("Sender", "<" + printable(mail::path_text(envelope.sender)) + ">");
    field("Size", std::to_string(message.file.content_size()));
    field("Traits", joined(message_traits(message)));
    field("Envelope id", printable(envelope.envelope_id, 100));
    field("Reports return", return_text(envelope.dsn_return));
    field("Note", printable(message.file.journal().note, mail::kMaxOutcomeText));
    out_("Recipients:");
    for (std::size_t i = 0; i < envelope.recipients.size(); ++i) {
        show_recipient(envelope.recipients[i], message.file.journal().recipients.at(i));
    }
    out_("Header:");
    visit_lines(message.file.header(), [this](std::string_view line) {
        out_("  " + shown_line(line));
    });
}

void MessageDetails::show_content(const QueuedMessage& message) {
    spool::FileContent content(files_, message.file, message.file.header());
    std::array<char, 16384> buffer{};
    std::string line;  // for a terminal: bounded, what is longer is cut into several
    const auto show_lines = [&](bool is_end) {
        std::size_t end = 0;
        while ((end = line.find('\n')) != std::string::npos || line.size() > kMaxShownLine ||
               (is_end && !line.empty())) {
            const std::size_t size = std::min({end, line.size(), kMaxShownLine});
            const std::string_view shown = std::string_view(line).substr(0, size);
            out_(shown_line(shown.ends_with('\r') ? shown.substr(0, size - 1) : shown));
            line.erase(0, size == end ? size + 1 : size);
        }
    };
    (void)content.rewind().has_value();
    while (true) {
        const auto got = content.read(buffer);
        if (!got) {
            is_incomplete_ = true;
            out_("[" + printable(got.error().message()) + "]");
            return;
        }
        const std::string_view octets(buffer.data(), *got);
        if (!choice_.is_for_terminal) {
            octets_(octets);
        } else {
            line += octets;
            show_lines(*got == 0);
        }
        if (*got == 0) {
            return;
        }
    }
}

void MessageDetails::show(const QueuedMessage& message) {
    shown_.insert(message.name.id);
    if (choice_.is_json) {
        JsonArray header;
        std::size_t size = 0;
        visit_lines(message.file.header(), [&](std::string_view line) {
            size += line.size();
            if (size <= kMaxJsonHeader) {
                header.add(json_string(line));
            }
        });
        out_(message_object(message, now_).raw("header", header.end()).end());
        return;
    }
    if (choice_.has_content) {
        show_content(message);
        return;
    }
    if (shown_.size() > 1) {
        out_("");
    }
    show_message(message);
}

}  // namespace mxpost::submit
