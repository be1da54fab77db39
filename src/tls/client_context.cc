#include "tls/client_context.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <arpa/inet.h>

#include "base/text.h"
#include "tls/library_error.h"

namespace mxpost::tls {
namespace {

const SystemClock kClock;
/// All certificates that a server shows; OpenSSL would take 100 KiB of each, and keep them with its
/// sessions.
constexpr long kMaxCertificates = 65536;

bool is_ip_address(const std::string& host) {
    std::array<unsigned char, 16> octets{};
    return inet_pton(AF_INET, host.c_str(), octets.data()) == 1 ||
           inet_pton(AF_INET6, host.c_str(), octets.data()) == 1;
}

/// What a host is asked for by: no final dot, and no brackets around an address ("[192.0.2.1]",
/// "[IPv6:2001:db8::1]").
std::string peer_name(std::string_view host) {
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
        constexpr std::string_view kIpv6 = "IPv6:";
        return std::string(ascii_istarts_with(host, kIpv6) ? host.substr(kIpv6.size()) : host);
    }
    return std::string(host.substr(0, host.size() - (host.ends_with('.') ? 1 : 0)));
}

/// RFC 6066 3 leaves open what a host name is; GnuTLS refuses the handshake for any other octet.
bool may_be_indicated(std::string_view name) {
    return std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.';
    });
}

/// SSL_set_tlsext_host_name() without its C cast.
bool indicate(SSL* ssl, std::string& name) {
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
}

/// RFC 6066 3: only names are indicated.
bool set_address(SSL* ssl, const std::string& address) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), address.c_str()) == 1;
}

/// RFC 9525 6.3, RFC 8461 4.1: names are in subjectAltName, or nowhere. With DANE-TA the subject
/// may name the server still (RFC 7672 3.2.3).
bool set_names(SSL* ssl, std::vector<std::string> names, TlsUse use) {
    if (use != TlsUse::dane) {
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    }
    bool is_good = SSL_set1_host(ssl, names.front().c_str()) == 1;
    if (use == TlsUse::dane || may_be_indicated(names.front())) {
        is_good = is_good && indicate(ssl, names.front());
    }
    for (std::size_t i = 1; i < names.size(); ++i) {
        is_good = is_good && SSL_add1_host(ssl, names[i].c_str()) == 1;
    }
    return is_good;
}

/// RFC 7672 3. False: none of the records is of use to OpenSSL.
bool set_tlsa(SSL* ssl, const Demand& demand, const std::string& base) {
    if (SSL_dane_enable(ssl, base.c_str()) != 1) {
        return false;
    }
    // 3.1.1: who has this very key needs no name and no date besides.
    SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    bool is_usable = false;
    for (const dns::TlsaRecord& record : demand.tlsa) {
        const auto* const data = reinterpret_cast<const unsigned char*>(record.data.data());
        const int added = SSL_dane_tlsa_add(
            ssl, record.usage, record.selector, record.matching_type, data, record.data.size()
        );
        is_usable |= added == 1;
    }
    return is_usable;
}

Failure failure_of(long verdict) {
    switch (verdict) {
        case X509_V_OK:
            return Failure::none;
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return Failure::certificate_host_mismatch;
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return Failure::certificate_expired;
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_CERT_UNTRUSTED:
        case X509_V_ERR_CERT_REVOKED:
        case X509_V_ERR_INVALID_CA:
            return Failure::certificate_not_trusted;
        default:
            return Failure::validation_failure;
    }
}

/// Sessions may stand for each other where all of this is the same.
std::string key_of(
    const std::string& endpoint, const std::vector<std::string>& names, const Demand& demand
) {
    std::string key = endpoint + '\n' + std::to_string(static_cast<int>(demand.use));
    for (const std::string& name : names) {
        key += '\n' + name;
    }
    for (const dns::TlsaRecord& record : demand.tlsa) {
        key += '\n' + std::to_string(record.usage) + ' ' + std::to_string(record.selector) + ' ' +
               std::to_string(record.matching_type) + ' ' + record.data;
    }
    return key;
}

}  // namespace

std::string Established::text() const {
    std::string result = protocol + " " + cipher;
    switch (assurance) {
        case Assurance::untrusted:
            return result + " untrusted";
        case Assurance::verified:
            return result + " verified";
        case Assurance::dane:
            break;
    }
    return result + " DANE";
}

bool Established::is_enough_for(TlsUse use) const {
    switch (use) {
        case TlsUse::verify:
            return assurance != Assurance::untrusted;
        case TlsUse::dane:
            return assurance == Assurance::dane;
        default:
            return true;
    }
}

Result<std::unique_ptr<ClientContext>> ClientContext::make(const TrustSettings& trust) {
    return make(trust, kClock);
}

Result<std::unique_ptr<ClientContext>> ClientContext::make(
    const TrustSettings& trust, const Clock& clock
) {
    std::unique_ptr<SSL_CTX, ContextDeleter> context(SSL_CTX_new(TLS_client_method()));
    if (!context) {
        return library_error("setting TLS up");
    }
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_dane_enable(context.get());
    // Verification runs with SSL_VERIFY_NONE too, it only doesn't end the handshake.
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_max_cert_list(context.get(), kMaxCertificates);
    if (!trust.is_default() && !load_trust(context.get(), trust)) {
        return library_error(
            "loading " + (trust.ca_file.empty() ? trust.ca_directory : trust.ca_file)
        );
    }
    ERR_clear_error();
    return std::unique_ptr<ClientContext>(
        new ClientContext(std::move(context), clock, !trust.is_default())
    );
}

Result<SslPointer> ClientContext::new_connection(
    const std::string& host, const Demand& demand, const std::string& endpoint
) {
    if (!is_trust_loaded_) {  // the next connection tries again: descriptors may be short now
        is_trust_loaded_ = load_default_trust(context_.get());
        ERR_clear_error();
    }
    SslPointer ssl(SSL_new(context_.get()));
    if (!ssl) {
        return library_error("setting a TLS connection up");
    }
    if (demand.use != TlsUse::verify) {
        SSL_set_security_level(ssl.get(), 1);  // RFC 7435 3: some protection most of the time
    }
    std::vector<std::string> names = demand.names;
    if (names.empty()) {
        names.push_back(peer_name(host));
    }
    if (demand.use == TlsUse::dane && !set_tlsa(ssl.get(), demand, names.front())) {
        return library_error("setting the TLSA records of " + names.front());
    }
    const bool is_named = is_ip_address(names.front()) ? set_address(ssl.get(), names.front())
                                                       : set_names(ssl.get(), names, demand.use);
    if (!is_named) {
        return library_error("naming the TLS peer " + names.front());
    }
    if (!endpoint.empty()) {
        const bool must_be_verified = demand.use == TlsUse::verify || demand.use == TlsUse::dane;
        sessions_->use(ssl.get(), key_of(endpoint, names, demand), must_be_verified);
    }
    return ssl;
}

Established established(const SSL* ssl, TlsUse use) {
    Established result;
    result.protocol = SSL_get_version(ssl);
    result.cipher = SSL_get_cipher_name(ssl);
    result.is_resumed = SSL_session_reused(ssl) == 1;
    const long verdict = SSL_get_verify_result(ssl);
    // Without a certificate (an anonymous cipher) the verdict is "ok" as well.
    const bool has_certificate = SSL_get0_peer_certificate(ssl) != nullptr;
    if (!has_certificate) {
        result.problem = "no certificate";
        result.failure = Failure::validation_failure;
    } else if (verdict != X509_V_OK) {
        result.problem = X509_verify_cert_error_string(verdict);
        result.failure = failure_of(verdict);
    } else {
        // With TLSA records nothing else counts. A resumed session was verified under the same
        // demand, its records included.
        result.assurance = use == TlsUse::dane ? Assurance::dane : Assurance::verified;
    }
    return result;
}

}  // namespace mxpost::tls
