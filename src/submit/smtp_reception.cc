#include "submit/smtp_reception.h"

#include "base/text.h"
#include "submit/submission.h"

namespace mxpost::submit {
namespace {

/// RFC 5321 4.4, From-domain. What isn't a name or address literal is not repeated.
std::string client_name(const std::string& helo, const std::string& address) {
    const bool is_literal =
        helo.size() > 2 && helo.front() == '[' && helo.back() == ']' &&
        helo.find_first_not_of("0123456789abcdefABCDEFIPv:.", 1) == helo.size() - 1;
    const bool is_named = is_literal || mail::is_domain_name(helo);
    if (address.empty()) {
        return helo.empty() ? "" : is_named ? helo : "unknown";
    }
    return (is_named ? helo : "unknown") + " (" + address + ")";
}

}  // namespace

SmtpReception::SmtpReception(const Surroundings& around, SmtpOrigin origin)
    : around_(around), origin_(std::move(origin)) {}

protocol::Reception::Refusal SmtpReception::begin(protocol::IncomingMail incoming) {
    IntakeRequest request{Recipients(around_.names.domain)};
    for (mail::Recipient& recipient : incoming.recipients) {
        request.recipients.add(std::move(recipient));
    }
    const Invocation& invocation = origin_.invocation;
    request.sender = std::move(incoming.mail.sender);
    // NAME and GECOS are this process's user's.
    if (origin_.uid == around_.identity.uid) {
        request.full_name = full_name_of(around_, invocation, request.sender);
    }
    request.dsn_return = incoming.mail.dsn_return;
    request.envelope_id = std::move(incoming.mail.envelope_id);
    request.error_mode = invocation.error_mode;
    request.is_smtp_utf8 = incoming.mail.is_smtp_utf8;
    request.requires_tls = incoming.mail.requires_tls;
    request.is_gateway = invocation.is_gateway;
    request.hop_count = invocation.hop_count;
    request.needs_spool = invocation.delivery_mode == config::DeliveryMode::queue ||
                          invocation.delivery_mode == config::DeliveryMode::deferred;
    request.uid = origin_.uid;
    request.client = client_name(incoming.helo_name, origin_.address);
    request.protocol = std::move(incoming.protocol);
    request.box = origin_.box;
    intake_ = std::make_unique<Intake>(around_, std::move(request));
    return intake_->open() ? std::nullopt : refuse();
}

protocol::Reception::Refusal SmtpReception::content(std::string_view piece) {
    return intake_->append(piece) ? std::nullopt : refuse();
}

protocol::Reception::Refusal SmtpReception::end() {
    return intake_->finish() ? std::nullopt : refuse();
}

protocol::Reception::Refusal SmtpReception::refuse() {
    protocol::ServerReply reply = reply_for(intake_->refusal());
    intake_.reset();
    return reply;
}

protocol::ServerReply reply_for(const Refusal& refusal) {
    const std::string text = printable(refusal.text, 400);
    const auto code = parse_unsigned(text.substr(0, 3));
    if (code && *code >= 400 && *code < 600 && text.size() > 4 && text[3] == ' ') {
        return {static_cast<std::uint16_t>(*code), text.substr(4)};
    }
    if (refusal.lacks_room) {
        return {452, "4.3.1 " + text};
    }
    switch (refusal.status) {
        case ExitStatus::usage:
        case ExitStatus::data_error:
        case ExitStatus::no_user:
        case ExitStatus::no_host:
        case ExitStatus::unavailable:
            return {554, "5.0.0 " + text};
        default:
            return {451, "4.3.0 " + text};
    }
}

protocol::ServerSettings server_settings(const Surroundings& around) {
    const std::string& host = around.names.host;
    protocol::ServerSettings settings(mail::is_domain_name(host) ? host : "localhost");
    settings.size_limit = around.settings.message_size_limit;
    settings.max_recipients =
        std::min<std::uint64_t>(around.settings.max_recipients, spool::kMaxRecipients);
    return settings;
}

}  // namespace mxpost::submit
