// Authentication: the AUTH command of a client session (RFC 4954), with the strongest mechanism
// that the server offers and the settings allow.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "protocol/client_output.h"
#include "protocol/client_settings.h"
#include "protocol/reply.h"
#include "protocol/sasl.h"
#include "protocol/verdict.h"

namespace mxpost::protocol {

class Authentication {
public:
    /// The references must outlive it. `is_tls`: nobody else listens.
    Authentication(
        const AuthSettings& settings, Mechanisms offered, bool is_tls, ClientOutput& output
    );

    Verdict begin();
    /// `done`: the server knows us. `refused`: it defers, since the mail isn't to blame.
    Verdict on_reply(const Reply& reply);
    /// The server said that the credentials are wrong.
    bool are_credentials_refused() const { return are_credentials_refused_; }

private:
    void start_next();
    Verdict on_challenge(std::string_view words);
    Verdict on_refusal(const Reply& reply);
    void respond(std::string&& response);
    Verdict cancel(const Error& error);

    const AuthSettings& settings_;
    ClientOutput& output_;
    bool is_tls_;
    std::deque<Mechanism> candidates_;  // not tried yet
    std::unique_ptr<SaslExchange> exchange_;
    std::optional<std::string> late_response_;  // an initial one, too long for the command
    std::string cancelled_;                     // why; empty: it isn't
    bool are_credentials_refused_ = false;
};

}  // namespace mxpost::protocol
