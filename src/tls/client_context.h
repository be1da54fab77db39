// TLS as a client of mail servers: one context for all connections, one SSL object for each.
// Opportunistic by default (RFC 7435): a certificate that nobody vouches for still keeps listeners
// out, so the result of the verification is recorded, and only TlsUse::verify acts on it.
#pragma once

#include <memory>
#include <string>

#include <openssl/ssl.h>

#include "base/result.h"

namespace mxpost::tls {

/// How much TLS a host gets.
enum class TlsUse {
    none,     // never
    may,      // when offered; in clear when it isn't or fails
    encrypt,  // always, whoever the server is
    verify    // always, and its certificate must be good for its name (RFC 6125, RFC 9325)
};

/// Whose signatures count.
struct TrustSettings {
    TrustSettings() = default;

    std::string ca_file;       // PEM; with ca_directory also empty: the system's default store
    std::string ca_directory;  // hashed, as OpenSSL wants it
};

struct SslDeleter {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPointer = std::unique_ptr<SSL, SslDeleter>;

/// What a handshake came to. A value.
struct Established {
    Established() = default;

    std::string protocol;      // "TLSv1.3"
    std::string cipher;        // "TLS_AES_256_GCM_SHA384"
    bool is_verified = false;  // chain and name
    std::string problem;       // OpenSSL's words when not verified: "self-signed certificate"

    /// "TLSv1.3 TLS_AES_256_GCM_SHA384 verified" or "… untrusted": for RecipientOutcome::tls.
    std::string text() const;
};

class ClientContext {
public:
    /// TLS 1.2 or later (RFC 8996, RFC 9325). Error when a CA file or directory can't be loaded.
    static Result<std::unique_ptr<ClientContext>> make(const TrustSettings& trust);

    /// For one connection to `host`: a name (sent as SNI, checked against the certificate, final
    /// dot or not) or the text of an IP address (checked, not sent). `verify` insists on the
    /// library's usual strength of keys, the others take what is better than clear text. The
    /// context must outlive it.
    Result<SslPointer> new_connection(const std::string& host, TlsUse use) const;

private:
    struct ContextDeleter {
        void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    };
    explicit ClientContext(std::unique_ptr<SSL_CTX, ContextDeleter> context)
        : context_(std::move(context)) {}

    std::unique_ptr<SSL_CTX, ContextDeleter> context_;
};

/// After the handshake.
Established established(const SSL* ssl);

}  // namespace mxpost::tls
