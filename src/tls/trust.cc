#include "tls/trust.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace mxpost::tls {
namespace {

/// Certificates under the names by which OpenSSL finds them one by one ("5443e9e3.0").
bool has_hashed_certificates(const char* directory) {
    std::error_code error;
    for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (name.size() == 10 && name.ends_with(".0") &&
            name.find_first_not_of("0123456789abcdef") == 8) {
            return true;
        }
    }
    return false;
}

}  // namespace

/// Where the certificates can be looked up one by one, they are. A system without a store (a small
/// container) verifies nobody, and encrypts all the same.
bool load_default_trust(SSL_CTX* context) {
    const char* const directory = ::secure_getenv(X509_get_default_cert_dir_env());
    const bool is_file_named = ::secure_getenv(X509_get_default_cert_file_env()) != nullptr;
    SSL_CTX_set_default_verify_dir(context);
    const bool is_hashed =
        has_hashed_certificates(directory != nullptr ? directory : X509_get_default_cert_dir());
    if (is_file_named || !is_hashed) {
        SSL_CTX_set_default_verify_file(context);
    }
    return is_hashed ||
           sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(context))) > 0;
}

bool load_trust(SSL_CTX* context, const TrustSettings& trust) {
    if (trust.is_default()) {
        load_default_trust(context);
        return true;
    }
    return (trust.ca_file.empty() || SSL_CTX_load_verify_file(context, trust.ca_file.c_str()) == 1
           ) &&
           (trust.ca_directory.empty() ||
            SSL_CTX_load_verify_dir(context, trust.ca_directory.c_str()) == 1);
}

}  // namespace mxpost::tls
