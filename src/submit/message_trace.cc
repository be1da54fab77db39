#include "submit/message_trace.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "spool/follower.h"
#include "submit/message_details.h"
#include "submit/queue_listing.h"

namespace mxpost::submit {
namespace {

WallTime time_of(const spool::Record& record) {
    return std::visit([](const auto& value) { return value.time; }, record);
}

const char* kind_word(mail::OutcomeKind kind) {
    switch (kind) {
        case mail::OutcomeKind::delivered:
            return "delivered";
        case mail::OutcomeKind::failed:
            return "failed";
        case mail::OutcomeKind::deferred:
            break;
    }
    return "deferred";
}

const char* report_word(spool::ReportKind kind) {
    switch (kind) {
        case spool::ReportKind::failure:
            return "failure";
        case spool::ReportKind::delay:
            return "delay";
        case spool::ReportKind::success:
            break;
    }
    return "success";
}

std::string address_of(const QueuedMessage& message, std::uint32_t recipient) {
    const auto& recipients = message.file.envelope().recipients;
    return recipient < recipients.size() ? recipients[recipient].address.text() : "";
}

std::string count_of(const std::vector<std::uint32_t>& recipients) {
    return std::to_string(recipients.size()) +
           (recipients.size() == 1 ? " recipient" : " recipients");
}

/// What a record says, as lines: the first stands behind the time.
class Words {
public:
    explicit Words(const QueuedMessage& message) : message_(message) {}

    std::vector<std::string> operator()(const spool::OutcomeRecord& record) const {
        return {
            "<" + printable(address_of(message_, record.recipient)) + "> " +
            kind_word(record.outcome.kind) + ": " + outcome_text(record.outcome)};
    }
    std::vector<std::string> operator()(const spool::AgainRecord& record) const {
        return {count_of(record.recipients) + " deferred again, as before"};
    }
    std::vector<std::string> operator()(const spool::DialogueRecord& record) const {
        std::vector<std::string> lines = {"dialogue"};
        for (const std::string_view line : split(record.lines, '\n')) {
            lines.push_back(printable(line));
        }
        return lines;
    }
    std::vector<std::string> operator()(const spool::ReportRecord& record) const {
        const std::string count = count_of(record.recipients);
        const std::string kind = report_word(record.kind);
        return {
            record.report_id.empty()
                ? "no report of " + kind + " is due for " + count
                : "report of " + kind + " " + printable(record.report_id, 100) + " for " + count};
    }
    std::vector<std::string> operator()(const spool::NoteRecord& record) const {
        return {"note: " + printable(record.text, mail::kMaxOutcomeText)};
    }
    std::vector<std::string> operator()(const spool::HoldRecord& record) const {
        return {(record.is_held ? "held by " : "released by ") + printable(record.by, 255)};
    }

private:
    const QueuedMessage& message_;
};

/// The same as a JSON object.
class Members {
public:
    Members(const QueuedMessage& message, JsonObject& object)
        : message_(message), object_(object) {}

    void operator()(const spool::OutcomeRecord& record) const {
        const mail::RecipientOutcome& outcome = record.outcome;
        object_.text("event", "outcome");
        object_.text("recipient", address_of(message_, record.recipient));
        object_.text("state", kind_word(outcome.kind)).text("status", outcome.status.text());
        object_.number("reply_code", outcome.reply_code).text("reply", mail::reply_text(outcome));
        object_.text("host", outcome.remote_host).text("host_address", outcome.remote_address);
        object_.text("tls", outcome.tls);
    }
    void operator()(const spool::AgainRecord& record) const {
        object_.text("event", "again").raw("recipients", addresses_of(record.recipients));
    }
    void operator()(const spool::DialogueRecord& record) const {
        JsonArray lines;
        for (const std::string_view line : split(record.lines, '\n')) {
            lines.add(json_string(line));
        }
        object_.text("event", "dialogue").raw("lines", lines.end());
    }
    void operator()(const spool::ReportRecord& record) const {
        object_.text("event", "report").text("kind", report_word(record.kind));
        object_.text("report_id", record.report_id);
        object_.raw("recipients", addresses_of(record.recipients));
    }
    void operator()(const spool::NoteRecord& record) const {
        object_.text("event", "note").text("text", record.text);
    }
    void operator()(const spool::HoldRecord& record) const {
        object_.text("event", record.is_held ? "hold" : "release").text("by", record.by);
    }

private:
    std::string addresses_of(const std::vector<std::uint32_t>& recipients) const {
        JsonArray addresses;
        for (const std::uint32_t recipient : recipients) {
            addresses.add(json_string(address_of(message_, recipient)));
        }
        return addresses.end();
    }

    const QueuedMessage& message_;
    JsonObject& object_;
};

/// Where the submitter looked on, each line of a dialogue is a record of its own.
std::vector<spool::Record> with_lines_joined(std::vector<spool::Record> records) {
    std::vector<spool::Record> joined;
    for (spool::Record& record : records) {
        const auto* const line = std::get_if<spool::DialogueRecord>(&record);
        auto* const before =
            joined.empty() ? nullptr : std::get_if<spool::DialogueRecord>(&joined.back());
        if (line != nullptr && before != nullptr && line->lines.find('\n') == std::string::npos) {
            before->lines += "\n" + line->lines;
        } else {
            joined.push_back(std::move(record));
        }
    }
    return joined;
}

}  // namespace

std::vector<spool::Record> in_order_of_events(std::vector<spool::Record> records) {
    for (auto begin = records.begin(); begin != records.end();) {
        const WallTime time = time_of(*begin);
        const auto end = std::find_if(begin, records.end(), [&](const spool::Record& record) {
            return time_of(record) != time;
        });
        std::stable_partition(begin, end, [](const spool::Record& record) {
            return std::holds_alternative<spool::DialogueRecord>(record);
        });
        begin = end;
    }
    return with_lines_joined(std::move(records));
}

void MessageTrace::show_record(const QueuedMessage& message, const spool::Record& record) const {
    const auto time = to_seconds(time_of(record));
    if (is_json_) {
        JsonObject object;
        object.text("queue_id", message.name.id).time("time", time);
        std::visit(Members(message, object), record);
        out_(object.end());
        return;
    }
    std::string prefix = local_time(time) + "  ";
    for (const std::string& line : std::visit(Words(message), record)) {
        out_(prefix + line);
        prefix = "    ";
    }
}

void MessageTrace::show(const QueuedMessage& message) {
    shown_.insert(message.name.id);
    auto records =
        spool::JournalFollower(files_, message.file.fd(), message.file.preamble().journal_offset())
            .poll();
    if (!records) {
        is_incomplete_ = true;
        const std::string why = records.error().message();
        out_(
            is_json_ ? JsonObject().text("queue_id", message.name.id).text("error", why).end()
                     : message.name.id + ": " + printable(why)
        );
        return;
    }
    if (!is_json_) {
        const mail::Envelope& envelope = message.file.envelope();
        out_(
            message.name.id + ": from=<" + printable(mail::path_text(envelope.sender)) + ">, " +
            std::to_string(envelope.recipients.size()) +
            (envelope.recipients.size() == 1 ? " recipient" : " recipients") + ", arrived " +
            local_time(to_seconds(envelope.arrival))
        );
        if (records->empty()) {
            out_("no attempt has ended yet");
        }
    }
    for (const spool::Record& record : in_order_of_events(std::move(*records))) {
        show_record(message, record);
    }
}

}  // namespace mxpost::submit
