#include "submit/queue_json.h"

#include <array>
#include <utility>

#include "submit/queue_listing.h"

namespace mxpost::submit {
namespace {

std::string notify_words(mail::NotifySet set) {
    using mail::Notify;
    constexpr std::array<std::pair<Notify, const char*>, 4> kWords = {{
        {Notify::never, "never"},
        {Notify::success, "success"},
        {Notify::failure, "failure"},
        {Notify::delay, "delay"},
    }};
    JsonArray words;
    for (const auto& [bit, word] : kWords) {
        if (has(set, bit)) {
            words.add(json_string(word));
        }
    }
    return words.end();
}

}  // namespace

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

namespace {

std::string recipient_object(const mail::Recipient& recipient, const spool::RecipientState& state) {
    JsonObject object;
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
    if (message.file.journal().is_held()) {
        return "hold";
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

std::string recipient_objects(const QueuedMessage& message, bool is_waiting) {
    const auto& recipients = message.file.envelope().recipients;
    JsonArray array;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
        const spool::RecipientState& state = message.file.journal().recipients.at(i);
        if (state.is_pending() == is_waiting) {
            array.add(recipient_object(recipients[i], state));
        }
    }
    return array.end();
}

}  // namespace

JsonObject message_object(const QueuedMessage& message, std::chrono::sys_seconds now) {
    const mail::Envelope& envelope = message.file.envelope();
    const auto& journal = message.file.journal();
    JsonObject object;
    object.text("queue_name", queue_word(message)).text("queue_id", message.name.id);
    object.time("arrival_time", to_seconds(envelope.arrival));
    object.number("message_size", message.file.content_size());
    object.text("sender", mail::path_text(envelope.sender));
    object.raw("recipients", recipient_objects(message, true));
    object.raw("finished", recipient_objects(message, false));
    object.text("box", message.box.path).number("uid", message.box.owner);
    object.time("next_attempt", message.name.due);
    object.truth("is_due", message.is_due(now)).truth("has_engine", message.box.has_engine);
    object.number("attempts", message.attempts());
    object.text("note", journal.note).truth("is_over_limit", message.is_over_limit);
    object.truth("is_held", journal.is_held());
    if (journal.is_held()) {
        object.text("held_by", journal.hold->by).time("held_since", to_seconds(journal.hold->time));
    }
    object.raw("requests", json_strings(message.requests));
    object.raw("flags", json_strings(message_traits(message)));
    object.text("envid", envelope.envelope_id).text("ret", return_word(envelope.dsn_return));
    return object;
}

void QueueJson::show(const QueuedMessage& message) {
    out_(message_object(message, now_).end());
}

}  // namespace mxpost::submit
