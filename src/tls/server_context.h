// TLS as the server of STARTTLS: one certificate, one context for all connections.
#pragma once

#include <memory>
#include <string>

#include <openssl/ssl.h>

#include "base/result.h"
#include "tls/client_context.h"

namespace mxpost::tls {

class ServerContext {
public:
    /// Reads both PEM files now; the certificate's may hold the chain behind it. `key_file` empty:
    /// the key is in the certificate's file. Errors name the file. TLS 1.2 or later; no client
    /// certificates; no session state is kept.
    static Result<std::unique_ptr<ServerContext>> make(
        const std::string& certificate_file, const std::string& key_file
    );

    /// For one accepted connection. The context must outlive it.
    Result<SslPointer> new_connection() const;

private:
    struct ContextDeleter {
        void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    };
    explicit ServerContext(std::unique_ptr<SSL_CTX, ContextDeleter> context)
        : context_(std::move(context)) {}

    std::unique_ptr<SSL_CTX, ContextDeleter> context_;
};

}  // namespace mxpost::tls
