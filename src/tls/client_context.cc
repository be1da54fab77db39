#include "tls/client_context.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <arpa/inet.h>

#include "tls/library_error.h"

namespace mxpost::tls {
namespace {

bool is_ip_address(const std::string& host) {
    std::array<unsigned char, 16> octets{};
    return inet_pton(AF_INET, host.c_str(), octets.data()) == 1 ||
           inet_pton(AF_INET6, host.c_str(), octets.data()) == 1;
}

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

/// To read the whole store at once costs some 80 ms of CPU and megabytes, more than most engines
/// need for all of their mail: where the certificates can be looked up one by one, they are.
/// A system without a store (a small container) verifies nobody, and encrypts all the same.
void load_default_trust(SSL_CTX* context) {
    const char* const directory = ::secure_getenv(X509_get_default_cert_dir_env());
    const bool is_file_named = ::secure_getenv(X509_get_default_cert_file_env()) != nullptr;
    SSL_CTX_set_default_verify_dir(context);
    if (is_file_named ||
        !has_hashed_certificates(directory != nullptr ? directory : X509_get_default_cert_dir())) {
        SSL_CTX_set_default_verify_file(context);
    }
}

bool load_trust(SSL_CTX* context, const TrustSettings& trust) {
    if (trust.ca_file.empty() && trust.ca_directory.empty()) {
        load_default_trust(context);
        return true;
    }
    return (trust.ca_file.empty() || SSL_CTX_load_verify_file(context, trust.ca_file.c_str()) == 1
           ) &&
           (trust.ca_directory.empty() ||
            SSL_CTX_load_verify_dir(context, trust.ca_directory.c_str()) == 1);
}

}  // namespace

std::string Established::text() const {
    return protocol + " " + cipher + (is_verified ? " verified" : " untrusted");
}

Result<std::unique_ptr<ClientContext>> ClientContext::make(const TrustSettings& trust) {
    std::unique_ptr<SSL_CTX, ContextDeleter> context(SSL_CTX_new(TLS_client_method()));
    if (!context) {
        return library_error("setting TLS up");
    }
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // No resumption: a session of one MX must never speak for another.
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    // Verification runs with SSL_VERIFY_NONE too, it only doesn't end the handshake.
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
    if (!load_trust(context.get(), trust)) {
        return library_error(
            "loading " + (trust.ca_file.empty() ? trust.ca_directory : trust.ca_file)
        );
    }
    ERR_clear_error();
    return std::unique_ptr<ClientContext>(new ClientContext(std::move(context)));
}

Result<SslPointer> ClientContext::new_connection(const std::string& host, TlsUse use) const {
    SslPointer ssl(SSL_new(context_.get()));
    if (!ssl) {
        return library_error("setting a TLS connection up");
    }
    if (use != TlsUse::verify) {
        SSL_set_security_level(ssl.get(), 1);  // RFC 7435 3: some protection most of the time
    }
    std::string name = host;
    if (name.ends_with('.')) {
        name.pop_back();
    }
    X509_VERIFY_PARAM* const parameters = SSL_get0_param(ssl.get());
    const bool is_address = is_ip_address(name);
    const int named = is_address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str())
                                 : SSL_set1_host(ssl.get(), name.c_str());
    // SSL_set_tlsext_host_name() without its C cast. RFC 6066 3: names only.
    const long indicated =
        is_address
            ? 1
            : SSL_ctrl(
                  ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()
              );
    if (named != 1 || indicated != 1) {
        return library_error("naming the TLS peer " + name);
    }
    return ssl;
}

Established established(const SSL* ssl) {
    Established result;
    result.protocol = SSL_get_version(ssl);
    result.cipher = SSL_get_cipher_name(ssl);
    const long verdict = SSL_get_verify_result(ssl);
    // Without a certificate (an anonymous cipher) the verdict is "ok" as well.
    const bool has_certificate = SSL_get0_peer_certificate(ssl) != nullptr;
    result.is_verified = has_certificate && verdict == X509_V_OK;
    if (!has_certificate) {
        result.problem = "no certificate";
    } else if (!result.is_verified) {
        result.problem = X509_verify_cert_error_string(verdict);
    }
    return result;
}

}  // namespace mxpost::tls
