#include "listen/incoming.h"

#include <utility>

namespace mxpost::listen {

Incoming::Incoming(
    const submit::Surroundings& around,
    submit::SmtpOrigin origin,
    const Outlet& outlet,
    std::shared_ptr<Gate> gate,
    std::string client
)
    : SmtpReception(around, std::move(origin)),
      around_(around),
      outlet_(outlet),
      gate_(std::move(gate)),
      client_(std::move(client)) {}

protocol::Reception::Refusal Incoming::check_sender(const protocol::MailCommand&) {
    release();  // what RSET has ended
    if (outlet_.queued() >= around_.settings.max_queued_messages) {
        return protocol::ServerReply(452, "4.3.1 too many messages in the queue, try again later");
    }
    if (!gate_->may_send(client_, around_.clock.steady_now())) {
        return protocol::ServerReply(
            450, "4.7.1 too many messages from you, try again in a minute"
        );
    }
    return std::nullopt;
}

protocol::Reception::Refusal Incoming::check_recipient(const mail::Recipient& recipient) {
    constexpr std::size_t kCopies = 2;  // the dialogue's, and the message's
    const std::size_t octets = kCopies * (sizeof(recipient) + recipient.address.text().size() +
                                          recipient.original_recipient.size());
    envelope_ += octets;
    if (envelope_ <= Gate::kAlwaysReserved) {
        return std::nullopt;
    }
    if (!gate_->reserve(octets)) {
        return protocol::ServerReply(452, "4.3.1 too many recipients for now, try again later");
    }
    reserved_ += octets;
    return std::nullopt;
}

protocol::Reception::Refusal Incoming::end() {
    release();
    return SmtpReception::end();
}

void Incoming::abandon() {
    release();
    SmtpReception::abandon();
}

void Incoming::release() {
    gate_->release(std::exchange(reserved_, 0));
    envelope_ = 0;
}

protocol::Reception::Refusal Incoming::content(std::string_view piece) {
    has_progressed_ = true;
    return SmtpReception::content(piece);
}

}  // namespace mxpost::listen
