// Opening: a client session from the greeting to the point where the first message can be sent.
//
//     greeting → EHLO (HELO when refused) → STARTTLS → handshake → EHLO → AUTH → ready
//
// With implicit TLS the handshake comes first; LMTP says LHLO.
#pragma once

#include <optional>
#include <string_view>

#include "protocol/authentication.h"
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
        : settings_(settings),
          capabilities_(capabilities),
          output_(output),
          state_(settings.is_tls_from_start ? State::handshake : State::greeting) {}

    /// `done`: ready for mail.
    Verdict on_reply(const Reply& reply);
    bool is_in_handshake() const { return state_ == State::handshake; }
    /// After the handshake.
    void tls_established();

    bool are_credentials_refused() const { return auth_ && auth_->are_credentials_refused(); }

    Timeouts::Duration timeout() const;
    /// "the reply to EHLO".
    std::string_view waiting_for() const;
    mail::Step step() const;

private:
    enum class State { greeting, ehlo, helo, start_tls, handshake, auth };

    Verdict on_greeting(const Reply& reply);
    Verdict on_hello(const Reply& reply);
    Verdict on_start_tls(const Reply& reply);
    void say_hello();
    Verdict after_hello();
    Verdict log_in();
    Verdict refused(const Reply& reply) const;

    const ClientSettings& settings_;
    Capabilities& capabilities_;
    ClientOutput& output_;
    State state_;
    bool is_tls_ = false;
    std::optional<Authentication> auth_;
};

}  // namespace mxpost::protocol
