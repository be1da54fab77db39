#include "listen/incoming.h"

#include <utility>

namespace mxpost::listen {

Incoming::Incoming(
    const submit::Surroundings& around,
    submit::SmtpOrigin origin,
    const Outlet& outlet,
    Gate& gate,
    std::string client
)
    : SmtpReception(around, std::move(origin)),
      around_(around),
      outlet_(outlet),
      gate_(gate),
      client_(std::move(client)) {}

protocol::Reception::Refusal Incoming::check_sender(const protocol::MailCommand&) {
    if (outlet_.queued() >= around_.settings.max_queued_messages) {
        return protocol::ServerReply(452, "4.3.1 too many messages in the queue, try again later");
    }
    if (!gate_.may_send(client_, around_.clock.steady_now())) {
        return protocol::ServerReply(
            450, "4.7.1 too many messages from you, try again in a minute"
        );
    }
    return std::nullopt;
}

protocol::Reception::Refusal Incoming::content(std::string_view piece) {
    has_progressed_ = true;
    return SmtpReception::content(piece);
}

}  // namespace mxpost::listen
