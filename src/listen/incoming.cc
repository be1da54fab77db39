#include "listen/incoming.h"

#include <utility>

namespace mxpost::listen {

Incoming::Incoming(
    const submit::Surroundings& around, submit::SmtpOrigin origin, Gate& gate, std::string client
)
    : SmtpReception(around, std::move(origin)),
      clock_(around.clock),
      gate_(gate),
      client_(std::move(client)) {}

protocol::Reception::Refusal Incoming::check_sender(const protocol::MailCommand&) {
    if (gate_.may_send(client_, clock_.steady_now())) {
        return std::nullopt;
    }
    return protocol::ServerReply(450, "4.7.1 too many messages from you, try again in a minute");
}

protocol::Reception::Refusal Incoming::content(std::string_view piece) {
    has_progressed_ = true;
    return SmtpReception::content(piece);
}

}  // namespace mxpost::listen
