#include "dsn/text_parts.h"

#include <algorithm>

#include "base/text.h"
#include "dsn/lines.h"
#include "mail/date.h"
#include "mail/xtext.h"

namespace mxpost::dsn {
namespace {

using mail::OutcomeKind;
using mail::RecipientOutcome;
using spool::ReportKind;

std::string date(const ReportRequest& request, WallTime time) {
    return mail::date_text(to_seconds(time), request.utc_offset);
}

const mail::Recipient& recipient_of(const ReportRequest& request, const ReportRecipient& entry) {
    return request.envelope->recipients.at(entry.index);
}

/// True when there is no queue for another attempt.
bool is_unqueued(const ReportRequest& request, const ReportRecipient& entry) {
    return request.kind == ReportKind::failure &&
           (!entry.state->last || entry.state->last->kind == OutcomeKind::deferred);
}

bool is_lmtp(const RecipientOutcome& outcome) {
    return outcome.remote_host.starts_with(mail::kLmtpPrefix);
}

/// RFC 3464 2.3.3, RFC 3461 5.2. Another host doesn't report, or we wouldn't: "relayed" is all that
/// can be said. LMTP (RFC 2033) is final delivery.
std::string success_action(const ReportRecipient& entry) {
    const auto& last = entry.state->last;
    if (last && last->success == mail::SuccessReport::expanded) {
        return "expanded";
    }
    return last && !last->remote_host.empty() && !is_lmtp(*last) ? "relayed" : "delivered";
}

/// What the subject says of all recipients: where they differ, that they were reached.
std::string success_title(const ReportRequest& request) {
    const std::string first = success_action(request.recipients.front());
    const bool is_common = std::ranges::all_of(request.recipients, [&](const auto& entry) {
        return success_action(entry) == first;
    });
    if (is_common && first == "relayed") {
        return "Relayed";
    }
    return is_common && first == "expanded" ? "Expanded" : "Delivered";
}

/// What the action means to whoever sent the message.
std::string success_words(const std::string& action) {
    if (action == "relayed") {
        return "It was handed over to a mail server that doesn't confirm deliveries: if that "
               "server can't deliver it, you will hear of it from there.";
    }
    if (action == "expanded") {
        return "It was sent on to the addresses that this one stands for: you will hear of those "
               "that fail.";
    }
    return "It was delivered.";
}

std::string introduction(const ReportRequest& request) {
    const std::string whom =
        request.recipients.size() == 1 ? "the recipient below" : "the recipients below";
    switch (request.kind) {
        case ReportKind::failure:
            return wrapped(
                "Your message could not be delivered to " + whom +
                ". It was given up: it will not be tried again."
            );
        case ReportKind::delay:
            return wrapped(
                "Your message has not been delivered yet to " + whom +
                ". This is only a warning: you don't need to send it again. Delivery goes on "
                "being tried, and if it fails you will hear of it."
            );
        case ReportKind::success:
            break;
    }
    return wrapped("This is the confirmation that you asked for. Your message to " + whom + ":");
}

/// Of the host that spoke last.
std::string remote_name(const RecipientOutcome& outcome) {
    return outcome.remote_host.substr(is_lmtp(outcome) ? mail::kLmtpPrefix.size() : 0);
}

std::string server_name(const RecipientOutcome& outcome) {
    std::string name = printable(outcome.remote_host, 255);
    if (!outcome.remote_address.empty()) {
        name += (name.empty() ? "[" : " [") + printable(outcome.remote_address, 64) + "]";
    }
    return name;
}

std::string recipient_words(const ReportRequest& request, const ReportRecipient& entry) {
    std::string out =
        "<" + printable(recipient_of(request, entry).address.text(), kMaxText) + ">\r\n";
    const auto& last = entry.state->last;
    if (!last) {
        return out + wrapped("Delivery was never tried.", 4);
    }
    if (request.kind == ReportKind::success) {
        out += wrapped(success_words(success_action(entry)), 4);
    }
    if (!entry.explanation.empty()) {
        out += wrapped(printable(entry.explanation, kMaxText) + ".", 4);
    }
    const std::string server = server_name(*last);
    if (last->reply_code != 0 && !server.empty()) {
        out += wrapped("The mail server " + server + " answered:", 4);
    } else if (!server.empty()) {
        out += wrapped("With the mail server " + server + ":", 4);
    }
    out += wrapped(printable(mail::reply_text(*last), kMaxText), 8);
    if (is_unqueued(request, entry)) {
        out += wrapped("There is no queue here in which it could wait for another attempt.", 4);
    }
    if (request.kind != ReportKind::success && entry.state->attempts > 0) {
        const std::string times =
            entry.state->attempts == 1 ? "once" : std::to_string(entry.state->attempts) + " times";
        out += wrapped(
            "Tried " + times + ", last on " + date(request, entry.state->last_time) + ".", 4
        );
    }
    if (request.kind == ReportKind::delay) {
        out += wrapped("Delivery is tried until " + date(request, entry.retry_until) + ".", 4);
    }
    return out;
}

/// RFC 3464 2.3.3.
std::string action(const ReportRequest& request, const ReportRecipient& entry) {
    switch (request.kind) {
        case ReportKind::failure:
            return "failed";
        case ReportKind::delay:
            return "delayed";
        case ReportKind::success:
            break;
    }
    return success_action(entry);
}

/// RFC 3464 2.3.4: its class must agree with the action.
std::string status(const ReportRequest& request, const ReportRecipient& entry) {
    const mail::EnhancedStatus known =
        entry.state->last ? entry.state->last->status : mail::EnhancedStatus();
    switch (request.kind) {
        case ReportKind::failure:
            if (is_unqueued(request, entry)) {
                return known.klass == 4 ? known.text() : "4.0.0";
            }
            return known.klass == 5 || known.klass == 4 ? known.text() : "5.0.0";
        case ReportKind::delay:
            return known.klass == 4 ? known.text() : "4.0.0";
        case ReportKind::success:
            break;
    }
    return known.klass == 2 ? known.text() : "2.0.0";
}

/// RFC 3464 2.3.2, and RFC 6533 3 for what isn't ASCII.
std::string address_field(const ReportRequest& request, const std::string& address) {
    if (is_ascii(address)) {
        return "rfc822; " + ascii_printable(address);
    }
    return is_for_smtp_utf8(request)
               ? "utf-8; " + printable(address, kMaxText)
               : ("utf-8; " + mail::to_utf8_address_xtext(address)).substr(0, kMaxText);
}

/// RFC 3464 2.3.1. RFC 6533 3: an address of type utf-8 keeps its "\x{FC}" in a part that is ASCII.
std::string original_recipient_field(const ReportRequest& request, std::string_view parameter) {
    const std::size_t at = parameter.find(';');
    if (at == std::string_view::npos) {
        return {};
    }
    const std::string_view type = parameter.substr(0, at);
    const std::string_view address = parameter.substr(at + 1);
    const bool is_utf8_type = ascii_iequals(type, "utf-8");
    const auto decoded = is_utf8_type && is_for_smtp_utf8(request)
                             ? mail::from_utf8_address_xtext(address)
                             : std::nullopt;
    const std::string text = decoded        ? printable(*decoded, kMaxText)
                             : is_utf8_type ? ascii_printable(address)
                                            : ascii_printable(decode_xtext(address));
    return folded_field("Original-Recipient", ascii_printable(type, 64) + "; " + text);
}

std::string recipient_fields(const ReportRequest& request, const ReportRecipient& entry) {
    const mail::Recipient& recipient = recipient_of(request, entry);
    std::string out = original_recipient_field(request, recipient.original_recipient);
    out += folded_field("Final-Recipient", address_field(request, recipient.address.text()));
    out += folded_field("Action", action(request, entry));
    out += folded_field("Status", status(request, entry));
    if (const auto& last = entry.state->last) {
        if (!last->remote_host.empty()) {
            const char* type = is_lmtp(*last) ? "x-lmtp; " : "dns; ";
            out += folded_field("Remote-MTA", type + ascii_printable(remote_name(*last), 255));
        }
        // "smtp" is for what a server answered (RFC 3464 9.3.2), not for our own words.
        out += folded_field(
            "Diagnostic-Code",
            (last->reply_code != 0 ? "smtp; " : "X-mxpost; ") +
                ascii_printable(mail::reply_text(*last))
        );
        out += folded_field("Last-Attempt-Date", date(request, entry.state->last_time));
    }
    if (request.kind == ReportKind::delay) {
        out += folded_field("Will-Retry-Until", date(request, entry.retry_until));
    }
    return out;
}

}  // namespace

bool is_for_smtp_utf8(const ReportRequest& request) {
    return request.envelope->sender->needs_smtp_utf8();
}

std::string host_name(const ReportRequest& request) {
    const std::string& name = request.reporting_mta;
    return is_ascii(name) && mail::is_domain_name(name) ? name : "localhost";
}

std::string subject(const ReportRequest& request) {
    const std::string whom =
        request.recipients.size() == 1
            ? printable(recipient_of(request, request.recipients.front()).address.text(), 400)
            : std::to_string(request.recipients.size()) + " recipients";
    switch (request.kind) {
        case ReportKind::failure:
            return "Not delivered: your mail to " + whom;
        case ReportKind::delay:
            return "Delayed: your mail to " + whom;
        case ReportKind::success:
            break;
    }
    return success_title(request) + ": your mail to " + whom;
}

std::string human_part(const ReportRequest& request) {
    std::string out = wrapped("This is the mail system of " + host_name(request) + ".") + "\r\n";
    out += introduction(request);
    for (const ReportRecipient& entry : request.recipients) {
        out += "\r\n" + recipient_words(request, entry);
    }
    out += "\r\n" + wrapped(
                        "The message was submitted on " + date(request, request.envelope->arrival) +
                        " and has the queue id " + ascii_printable(request.id, 64) +
                        ". A copy of it, or of its header, is at the end of this mail."
                    );
    return out;
}

std::string status_part(const ReportRequest& request) {
    std::string out;
    if (!request.envelope->envelope_id.empty()) {
        out += folded_field(
            "Original-Envelope-Id", ascii_printable(decode_xtext(request.envelope->envelope_id))
        );
    }
    out += folded_field("Reporting-MTA", "dns; " + host_name(request));
    out += folded_field("X-Mxpost-Queue-Id", ascii_printable(request.id, 64));
    out += folded_field("Arrival-Date", date(request, request.envelope->arrival));
    for (const ReportRecipient& entry : request.recipients) {
        out += "\r\n" + recipient_fields(request, entry);
    }
    return out;
}

}  // namespace mxpost::dsn
