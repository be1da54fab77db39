// PrivateKey: what signs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/types.h>

#include "base/result.h"
#include "base/secret.h"

namespace mxpost::dkim {

enum class KeyType : std::uint8_t {
    rsa,     // rsa-sha256 (RFC 6376 3.3.1)
    ed25519  // ed25519-sha256 (RFC 8463)
};

/// As in k=, and in front of "-sha256" in a=.
const char* word_of(KeyType type);

inline constexpr int kLeastRsaBits = 1024;  // RFC 8301 3.2: signers must
inline constexpr int kUsualRsaBits = 2048;  // … and should
inline constexpr int kMostRsaBits = 4096;   // … and verifiers must cope with no more

class PrivateKey {
public:
    /// PKCS #1 ("BEGIN RSA PRIVATE KEY") or PKCS #8 ("BEGIN PRIVATE KEY"), without a passphrase. An
    /// error says what is wrong with it, in words that go behind a file's name.
    static Result<PrivateKey> from_pem(std::string_view text);
    /// A new one. `bits`: of RSA.
    static Result<PrivateKey> generate(KeyType type, int bits = kUsualRsaBits);

    KeyType type() const { return type_; }
    /// Of RSA's modulus; 256 for Ed25519.
    int bits() const;
    /// PKCS #8.
    Secret pem() const;
    /// What p= holds: SubjectPublicKeyInfo (RFC 6376 3.6.1), or 32 octets (RFC 8463 4.2).
    std::string public_key() const;
    /// Of a SHA-256 digest. An error: the library can't, for lack of memory or by its policy.
    Result<std::string> sign(std::string_view digest) const;

private:
    struct Deleter {
        void operator()(EVP_PKEY* key) const;
    };
    using Pointer = std::unique_ptr<EVP_PKEY, Deleter>;

    PrivateKey(Pointer key, KeyType type) : key_(std::move(key)), type_(type) {}
    static Result<PrivateKey> adopt(Pointer key);

    Pointer key_;
    KeyType type_;
};

}  // namespace mxpost::dkim
