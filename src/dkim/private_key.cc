#include "dkim/private_key.h"

#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

namespace mxpost::dkim {
namespace {

constexpr std::size_t kEd25519Size = 32;

struct BioDeleter {
    void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using BioPointer = std::unique_ptr<BIO, BioDeleter>;

struct KeyContextDeleter {
    void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, KeyContextDeleter>;

struct DigestContextDeleter {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, DigestContextDeleter>;

const unsigned char* octets(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* octets(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

/// Nobody is there to be asked for a passphrase.
int no_passphrase(char*, int, int, void*) {
    return -1;
}

/// EBADMSG would say that the message is corrupt.
Error failure(const char* doing) {
    ERR_clear_error();
    return Error::from_errno(EKEYREJECTED, doing);
}

Result<std::string> sign_rsa(EVP_PKEY* key, std::string_view digest) {
    const KeyContext context(EVP_PKEY_CTX_new(key, nullptr));
    auto size = static_cast<std::size_t>(EVP_PKEY_get_size(key));
    std::string signature(size, '\0');
    if (!context || EVP_PKEY_sign_init(context.get()) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1 ||
        EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) != 1 ||
        EVP_PKEY_sign(context.get(), octets(signature), &size, octets(digest), digest.size()) !=
            1) {
        return failure("signing with RSA");
    }
    signature.resize(size);
    return signature;
}

/// RFC 8463 3: pure Ed25519, of the digest.
Result<std::string> sign_ed25519(EVP_PKEY* key, std::string_view digest) {
    const DigestContext context(EVP_MD_CTX_new());
    auto size = static_cast<std::size_t>(EVP_PKEY_get_size(key));
    std::string signature(size, '\0');
    if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key) != 1 ||
        EVP_DigestSign(context.get(), octets(signature), &size, octets(digest), digest.size()) !=
            1) {
        return failure("signing with Ed25519");
    }
    signature.resize(size);
    return signature;
}

}  // namespace

const char* word_of(KeyType type) {
    return type == KeyType::rsa ? "rsa" : "ed25519";
}

void PrivateKey::Deleter::operator()(EVP_PKEY* key) const {
    EVP_PKEY_free(key);
}

Result<PrivateKey> PrivateKey::adopt(Pointer key) {
    if (EVP_PKEY_is_a(key.get(), "ED25519") == 1) {
        return PrivateKey(std::move(key), KeyType::ed25519);
    }
    if (EVP_PKEY_is_a(key.get(), "RSA") != 1) {
        return Error::invalid("is neither an RSA nor an Ed25519 key");
    }
    const int bits = EVP_PKEY_get_bits(key.get());
    if (bits < kLeastRsaBits || bits > kMostRsaBits) {
        return Error::invalid(
            "is an RSA key of " + std::to_string(bits) + " bits, which receivers don't accept (" +
            std::to_string(kLeastRsaBits) + " to " + std::to_string(kMostRsaBits) + ")"
        );
    }
    return PrivateKey(std::move(key), KeyType::rsa);
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view text) {
    const BioPointer bio(
        text.size() <= INT_MAX ? BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))
                               : nullptr
    );
    Pointer key(
        bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr
    );
    ERR_clear_error();
    if (key) {
        return adopt(std::move(key));
    }
    const bool is_encrypted = text.find("ENCRYPTED") != std::string_view::npos;
    return Error::invalid(
        is_encrypted ? "is protected by a passphrase, which nobody could enter"
                     : "holds no private key in PEM form"
    );
}

Result<PrivateKey> PrivateKey::generate(KeyType type, int bits) {
    Pointer key(
        type == KeyType::rsa ? EVP_RSA_gen(static_cast<unsigned>(bits))
                             : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
    );
    if (!key) {
        return failure("making a key");
    }
    return adopt(std::move(key));
}

int PrivateKey::bits() const {
    return EVP_PKEY_get_bits(key_.get());
}

Secret PrivateKey::pem() const {
    const BioPointer bio(BIO_new(BIO_s_secmem()));
    char* text = nullptr;
    if (!bio || PEM_write_bio_PKCS8PrivateKey(
                    bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr
                ) != 1) {
        throw std::bad_alloc();
    }
    const long size = BIO_get_mem_data(bio.get(), &text);
    return Secret(std::string_view(text, static_cast<std::size_t>(size)));
}

std::string PrivateKey::public_key() const {
    if (type_ == KeyType::ed25519) {
        std::string raw(kEd25519Size, '\0');
        std::size_t size = raw.size();
        if (EVP_PKEY_get_raw_public_key(key_.get(), octets(raw), &size) != 1) {
            throw std::bad_alloc();
        }
        return raw;
    }
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key_.get(), &der);
    if (size <= 0) {
        throw std::bad_alloc();
    }
    std::string info(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return info;
}

Result<std::string> PrivateKey::sign(std::string_view digest) const {
    return type_ == KeyType::rsa ? sign_rsa(key_.get(), digest) : sign_ed25519(key_.get(), digest);
}

}  // namespace mxpost::dkim
