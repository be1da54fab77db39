// Self-signed certificates made when a test runs: no key lies in the tree, none expires.
#pragma once

#include <memory>
#include <string>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace mxpost::test {

struct OpenSslDeleter {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { X509_free(certificate); }
    void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(BIO* bio) const { BIO_free(bio); }
};
template <class T>
using OpenSslPointer = std::unique_ptr<T, OpenSslDeleter>;

class Certificate {
public:
    /// `names` as for subjectAltName: "DNS:mx.example" or "IP:127.0.0.1". Valid from an hour ago
    /// for `seconds`, which may be negative.
    explicit Certificate(
        const std::string& names,
        long seconds = 86400,
        const std::string& common_name = "mxpost test"
    )
        : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
        X509* const x509 = certificate_.get();
        X509_set_version(x509, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
        X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
        X509_gmtime_adj(X509_getm_notAfter(x509), seconds);
        X509_set_pubkey(x509, key_.get());
        X509_NAME* const subject = X509_get_subject_name(x509);
        X509_NAME_add_entry_by_txt(
            subject,
            "CN",
            MBSTRING_ASC,
            reinterpret_cast<const unsigned char*>(common_name.data()),
            static_cast<int>(common_name.size()),
            -1,
            0
        );
        X509_set_issuer_name(x509, subject);
        const OpenSslPointer<X509_EXTENSION> extension(
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str())
        );
        X509_add_ext(x509, extension.get(), -1);
        X509_sign(x509, key_.get(), EVP_sha256());
    }

    /// For a server: TLS 1.2 and later unless `max_version` says less.
    OpenSslPointer<SSL_CTX> server_context(int max_version = 0) const {
        OpenSslPointer<SSL_CTX> context(SSL_CTX_new(TLS_server_method()));
        SSL_CTX_use_certificate(context.get(), certificate_.get());
        SSL_CTX_use_PrivateKey(context.get(), key_.get());
        if (max_version != 0) {
            SSL_CTX_set_security_level(context.get(), 0);
            SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
            SSL_CTX_set_max_proto_version(context.get(), max_version);
        }
        return context;
    }

    std::string pem() const {
        const OpenSslPointer<BIO> bio(BIO_new(BIO_s_mem()));
        PEM_write_bio_X509(bio.get(), certificate_.get());
        std::string text(4096, '\0');
        const int size = BIO_read(bio.get(), text.data(), static_cast<int>(text.size()));
        text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        return text;
    }

    std::string der() const {
        std::string octets(static_cast<std::size_t>(i2d_X509(certificate_.get(), nullptr)), '\0');
        auto* at = reinterpret_cast<unsigned char*>(octets.data());
        i2d_X509(certificate_.get(), &at);
        return octets;
    }

    /// SubjectPublicKeyInfo: what TLSA's selector 1 names.
    std::string key_der() const {
        std::string octets(static_cast<std::size_t>(i2d_PUBKEY(key_.get(), nullptr)), '\0');
        auto* at = reinterpret_cast<unsigned char*>(octets.data());
        i2d_PUBKEY(key_.get(), &at);
        return octets;
    }

    std::string key_pem() const {
        const OpenSslPointer<BIO> bio(BIO_new(BIO_s_mem()));
        PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
        std::string text(4096, '\0');
        const int size = BIO_read(bio.get(), text.data(), static_cast<int>(text.size()));
        text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        return text;
    }

private:
    OpenSslPointer<EVP_PKEY> key_;
    OpenSslPointer<X509> certificate_;
};

}  // namespace mxpost::test
