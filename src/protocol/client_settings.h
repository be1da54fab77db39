// What a client session is told before it begins.
#pragma once

#include <string>
#include <utility>

#include "protocol/timeouts.h"

namespace mxpost::protocol {

enum class Dialect {
    smtp,
    lmtp  // RFC 2033: LHLO, and a reply for each accepted recipient after the dot
};

enum class StartTls {
    never,
    when_offered,  // a refusal of STARTTLS (not a failed handshake) goes on in clear
    required       // no message leaves in clear
};

struct ClientSettings {
    ClientSettings() = default;
    explicit ClientSettings(std::string helo_name_) : helo_name(std::move(helo_name_)) {}

    std::string helo_name;  // a domain name or an address literal
    Dialect dialect = Dialect::smtp;
    StartTls start_tls = StartTls::when_offered;
    /// In clear only because the handshake failed: then "530 Must issue STARTTLS" defers.
    bool is_after_tls_failure = false;
    Timeouts timeouts;
};

}  // namespace mxpost::protocol
