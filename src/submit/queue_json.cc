#include "submit/queue_json.h"

#include <array>
#include <utility>

#include "base/text.h"
#include "submit/queue_listing.h"

namespace mxpost::submit {
namespace {

class Object {
public:
    Object& raw(std::string_view name, std::string_view value) {
        text_ += text_.empty() ? "{" : ",";
        text_ += json_string(name);
        text_ += ":";
        text_ += value;
        return *this;
    }
    Object& text(std::string_view name, std::string_view value) {
        return raw(name, json_string(value));
    }
    template <class Number>
    Object& number(std::string_view name, Number value) {
        return raw(name, std::to_string(value));
    }
    Object& truth(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
    Object& time(std::string_view name, std::chrono::sys_seconds value) {
        return number(name, static_cast<std::int64_t>(value.time_since_epoch().count()));
    }
    std::string end() { return text_.empty() ? "{}" : text_ + "}"; }

private:
    std::string text_;
};

class Array {
public:
    void add(std::string_view value) {
        text_ += text_.empty() ? "" : ",";
        text_ += value;
    }
    std::string end() const { return "[" + text_ + "]"; }

private:
    std::string text_;
};

std::string strings(const std::vector<std::string>& texts) {
    Array array;
    for (const std::string& text : texts) {
        array.add(json_string(text));
    }
    return array.end();
}

std::string notify_words(mail::NotifySet set) {
    using mail::Notify;
    constexpr std::array<std::pair<Notify, const char*>, 4> kWords = {{
        {Notify::never, "never"},
        {Notify::success, "success"},
        {Notify::failure, "failure"},
        {Notify::delay, "delay"},
    }};
    Array words;
    for (const auto& [bit, word] : kWords) {
        if (has(set, bit)) {
            words.add(json_string(word));
        }
    }
    return words.end();
}

const char* state_word(const spool::RecipientState& state) {
    if (!state.last) {
        return "new";
    }
    switch (state.last->kind) {
        case mail::OutcomeKind::delivered:
            return "delivered";
        case mail::OutcomeKind::failed:
            return "failed";
        case mail::OutcomeKind::deferred:
            break;
    }
    return "deferred";
}

std::string recipient_object(const mail::Recipient& recipient, const spool::RecipientState& state) {
    Object object;
    object.text("address", recipient.address.text()).text("state", state_word(state));
    object.number("attempts", state.attempts);
    if (state.last) {
        const mail::RecipientOutcome& outcome = *state.last;
        if (state.is_pending()) {
            object.text("delay_reason", reason_text(state));
        }
        object.time("last_attempt", to_seconds(state.last_time));
        object.text("status", outcome.status.text()).number("reply_code", outcome.reply_code);
        object.text("reply", mail::reply_text(outcome));
        object.text("host", outcome.remote_host).text("host_address", outcome.remote_address);
        object.text("tls", outcome.tls);
    }
    object.raw("notify", notify_words(recipient.notify));
    object.text("orcpt", recipient.original_recipient);
    return object.end();
}

/// As Postfix calls its queues.
const char* queue_word(const QueuedMessage& message) {
    if (message.is_active) {
        return "active";
    }
    return message.attempts() > 0 ? "deferred" : "incoming";
}

const char* return_word(mail::DsnReturn value) {
    switch (value) {
        case mail::DsnReturn::full:
            return "full";
        case mail::DsnReturn::headers:
            return "hdrs";
        case mail::DsnReturn::unset:
            break;
    }
    return "";
}

}  // namespace

std::string json_string(std::string_view text) {
    std::string result = "\"";
    for (const char c : printable(text, text.size() + 8)) {
        if (c == '"' || c == '\\') {
            result += '\\';
        }
        result += c;
    }
    return result + "\"";
}

void QueueJson::show(const QueuedMessage& message) {
    const mail::Envelope& envelope = message.file.envelope();
    const auto& journal = message.file.journal();
    Array waiting;
    Array done;
    for (std::size_t i = 0; i < envelope.recipients.size(); ++i) {
        const spool::RecipientState& state = journal.recipients.at(i);
        (state.is_pending() ? waiting : done).add(recipient_object(envelope.recipients[i], state));
    }
    Object object;
    object.text("queue_name", queue_word(message)).text("queue_id", message.name.id);
    object.time("arrival_time", to_seconds(envelope.arrival));
    object.number("message_size", message.file.content_size());
    object.text("sender", mail::path_text(envelope.sender));
    object.raw("recipients", waiting.end()).raw("finished", done.end());
    object.text("box", message.box.path).number("uid", message.box.owner);
    object.time("next_attempt", message.name.due);
    object.truth("is_due", message.is_due(now_)).truth("has_engine", message.box.has_engine);
    object.number("attempts", message.attempts());
    object.text("note", journal.note).truth("is_over_limit", message.is_over_limit);
    object.raw("requests", strings(message.requests));
    object.raw("flags", strings(message_traits(message)));
    object.text("envid", envelope.envelope_id).text("ret", return_word(envelope.dsn_return));
    out_(object.end());
}

}  // namespace mxpost::submit
