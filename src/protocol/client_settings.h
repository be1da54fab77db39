// What a client session is told before it begins.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "protocol/sasl.h"
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

/// Whether and how to log in.
struct AuthSettings {
    std::shared_ptr<const Credentials> credentials;  // null: not at all
    Mechanisms allowed;
    bool may_show_secret = false;      // without TLS, too
    const Digests* digests = nullptr;  // not null where there are credentials; outlives all
    std::string nonce;                 // see begin_sasl()
};

struct ClientSettings {
    ClientSettings() = default;
    explicit ClientSettings(std::string helo_name_) : helo_name(std::move(helo_name_)) {}

    std::string helo_name;  // a domain name or an address literal
    Dialect dialect = Dialect::smtp;
    StartTls start_tls = StartTls::when_offered;
    /// Who or what requires TLS, in words, where that is known.
    std::string tls_required_for;
    /// TLS comes before the greeting (RFC 8314 3.3). start_tls is not looked at.
    bool is_tls_from_start = false;
    AuthSettings auth;
    /// The administrator has named this very server (a relay, a mailbox server): what it has
    /// against this host rather than against the mail defers, since the senders can't mend it.
    bool is_appointed = false;
    /// In clear only because the handshake failed: then "530 Must issue STARTTLS" defers.
    bool is_after_tls_failure = false;
    /// Content by BDAT where the server takes it together with the commands (CHUNKING, PIPELINING).
    bool may_chunk = true;
    Timeouts timeouts;
};

}  // namespace mxpost::protocol
