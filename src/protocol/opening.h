// Opening: a client session from the greeting to the point where the first message can be sent.
//
//     greeting → EHLO (HELO when refused) → STARTTLS → handshake → EHLO → ready
#pragma once

#include <string_view>

#include "protocol/capabilities.h"
#include "protocol/client_output.h"
#include "protocol/client_settings.h"
#include "protocol/reply.h"
#include "protocol/verdict.h"

namespace mxpost::protocol {

class Opening {
public:
    /// The references must outlive it. `capabilities` is what the server offers, as far as it
    /// counts (RFC 3207 4.2).
    Opening(const ClientSettings& settings, Capabilities& capabilities, ClientOutput& output)
        : settings_(settings), capabilities_(capabilities), output_(output) {}

    /// `done`: ready for mail.
    Verdict on_reply(const Reply& reply);
    bool is_in_handshake() const { return state_ == State::handshake; }
    /// After the handshake.
    void tls_established();

    Timeouts::Duration timeout() const;
    /// "the reply to EHLO".
    std::string_view waiting_for() const;

private:
    enum class State { greeting, ehlo, helo, start_tls, handshake };

    Verdict on_greeting(const Reply& reply);
    Verdict on_hello(const Reply& reply);
    Verdict on_start_tls(const Reply& reply);
    void say_hello();
    Verdict after_hello();

    const ClientSettings& settings_;
    Capabilities& capabilities_;
    ClientOutput& output_;
    State state_ = State::greeting;
    bool is_tls_ = false;
};

}  // namespace mxpost::protocol
