// Trust: whose signatures on certificates count, for mail servers and for HTTPS alike.
#pragma once

#include <string>

#include <openssl/ssl.h>

namespace mxpost::tls {

struct TrustSettings {
    TrustSettings() = default;

    std::string ca_file;       // PEM; with ca_directory also empty: the system's default store
    std::string ca_directory;  // hashed, as OpenSSL wants it

    bool is_default() const { return ca_file.empty() && ca_directory.empty(); }
};

/// False when a file or directory that is named can't be loaded; OpenSSL's error queue says why.
bool load_trust(SSL_CTX* context, const TrustSettings& trust);

/// The system's store alone. Costs up to 80 ms of CPU and megabytes where certificates aren't to be
/// had one by one (no hashed directory, or SSL_CERT_FILE set): not before somebody's is to be
/// judged. False when there is none, or none that can be read now; it may be called again.
bool load_default_trust(SSL_CTX* context);

}  // namespace mxpost::tls
