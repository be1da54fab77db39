#include "tls/server_context.h"

#include <utility>

#include <openssl/err.h>

#include "tls/library_error.h"

namespace mxpost::tls {

Result<std::unique_ptr<ServerContext>> ServerContext::make(
    const std::string& certificate_file, const std::string& key_file
) {
    const std::string& key = key_file.empty() ? certificate_file : key_file;
    std::unique_ptr<SSL_CTX, ContextDeleter> context(SSL_CTX_new(TLS_server_method()));
    if (!context) {
        return library_error("setting TLS up");
    }
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_options(
        context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET
    );
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
    // An idle connection keeps no record buffers.
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1) {
        return library_error("reading the certificate in " + certificate_file);
    }
    if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) {
        return library_error("reading the key in " + key);
    }
    if (SSL_CTX_check_private_key(context.get()) != 1) {
        return library_error("the key in " + key + " isn't that of " + certificate_file);
    }
    ERR_clear_error();
    return std::unique_ptr<ServerContext>(new ServerContext(std::move(context)));
}

Result<SslPointer> ServerContext::new_connection() const {
    SslPointer ssl(SSL_new(context_.get()));
    if (!ssl) {
        return library_error("setting a TLS connection up");
    }
    return ssl;
}

}  // namespace mxpost::tls
