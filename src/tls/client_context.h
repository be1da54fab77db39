// TLS as a client of mail servers: one context for all connections, one SSL object for each.
// Opportunistic by default (RFC 7435): a certificate that nobody vouches for still keeps listeners
// out, so the result of the verification is recorded, and only a Demand for more acts on it.
#pragma once

#include <memory>
#include <string>

#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/result.h"
#include "tls/demand.h"
#include "tls/failure.h"
#include "tls/session_cache.h"
#include "tls/trust.h"

namespace mxpost::tls {

struct SslDeleter {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPointer = std::unique_ptr<SSL, SslDeleter>;

/// What is known of who is at the other end.
enum class Assurance : std::uint8_t {
    untrusted,  // nothing: encrypted all the same
    verified,   // a certificate for its name, by a chain that is trusted
    dane        // a certificate that its TLSA records vouch for
};

/// What a handshake came to. A value.
struct Established {
    Established() = default;

    std::string protocol;  // "TLSv1.3"
    std::string cipher;    // "TLS_AES_256_GCM_SHA384"
    Assurance assurance = Assurance::untrusted;
    std::string problem;              // OpenSSL's words when untrusted: "self-signed certificate"
    Failure failure = Failure::none;  // the same for reports
    bool is_resumed = false;          // RFC 8446 2.2: no certificate was shown this time

    /// "TLSv1.3 TLS_AES_256_GCM_SHA384 verified", "… DANE" or "… untrusted": for
    /// RecipientOutcome::tls.
    std::string text() const;
    /// The server is as sure as `use` asks.
    bool is_enough_for(TlsUse use) const;
};

class ClientContext {
public:
    /// TLS 1.2 or later (RFC 8996, RFC 9325). Error when a CA file or directory can't be loaded.
    static Result<std::unique_ptr<ClientContext>> make(const TrustSettings& trust);
    /// `clock`, by which sessions grow old, must outlive it.
    static Result<std::unique_ptr<ClientContext>> make(
        const TrustSettings& trust, const Clock& clock
    );

    /// For one connection to `host`: a name (sent as SNI, checked against the certificate, final
    /// dot or not; unless `demand` names others) or the text of an IP address (checked, not sent).
    /// `verify` insists on the library's usual strength of keys, the others take what is better
    /// than clear text. `endpoint` (an address and port; empty: don't) says whose session may be
    /// resumed: only one of the same endpoint, names and demand is, for an hour after the handshake
    /// that showed the certificate. The context must outlive it.
    Result<SslPointer> new_connection(
        const std::string& host, const Demand& demand, const std::string& endpoint = {}
    );

private:
    struct ContextDeleter {
        void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    };
    ClientContext(
        std::unique_ptr<SSL_CTX, ContextDeleter> context, const Clock& clock, bool is_trust_loaded
    )
        : sessions_(std::make_unique<SessionCache>(context.get(), clock)),
          context_(std::move(context)),
          is_trust_loaded_(is_trust_loaded) {}

    std::unique_ptr<SessionCache> sessions_;  // outlives the context, which calls it
    std::unique_ptr<SSL_CTX, ContextDeleter> context_;
    bool is_trust_loaded_;  // the system's: with the first connection
};

/// After the handshake of a connection that was made for a demand of that use.
Established established(const SSL* ssl, TlsUse use);

}  // namespace mxpost::tls
