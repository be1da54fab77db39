// Trust: whose signatures on certificates count, for mail servers and for HTTPS alike.
#pragma once

#include <string>

#include <openssl/ssl.h>

namespace mxpost::tls {

struct TrustSettings {
    TrustSettings() = default;

    std::string ca_file;       // PEM; with ca_directory also empty: the system's default store
    std::string ca_directory;  // hashed, as OpenSSL wants it
};

/// False when a file or directory that is named can't be loaded; OpenSSL's error queue says why.
bool load_trust(SSL_CTX* context, const TrustSettings& trust);

}  // namespace mxpost::tls
