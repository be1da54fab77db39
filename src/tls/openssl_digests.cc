#include "tls/openssl_digests.h"

#include <array>
#include <climits>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace mxpost::tls {
namespace {

constexpr std::size_t kSha256Size = 32;

const unsigned char* octets(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string text_of(const unsigned char* digest, std::size_t size) {
    return {reinterpret_cast<const char*>(digest), size};
}

std::string hmac(const EVP_MD* method, std::string_view key, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (key.size() > INT_MAX || HMAC(
                                    method,
                                    key.data(),
                                    static_cast<int>(key.size()),
                                    octets(text),
                                    text.size(),
                                    digest.data(),
                                    &size
                                ) == nullptr) {
        ERR_clear_error();
        return {};
    }
    return text_of(digest.data(), size);
}

}  // namespace

std::string OpensslDigests::sha256(std::string_view text) const {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
        ERR_clear_error();
        return {};
    }
    return text_of(digest.data(), size);
}

std::string OpensslDigests::hmac_sha256(std::string_view key, std::string_view text) const {
    return hmac(EVP_sha256(), key, text);
}

std::string OpensslDigests::hmac_md5(std::string_view key, std::string_view text) const {
    return hmac(EVP_md5(), key, text);
}

std::string OpensslDigests::pbkdf2_sha256(
    std::string_view password, std::string_view salt, std::uint32_t iterations
) const {
    std::array<unsigned char, kSha256Size> key{};
    const bool is_small = password.size() <= INT_MAX && salt.size() <= INT_MAX && iterations > 0 &&
                          iterations <= INT_MAX;
    if (!is_small || PKCS5_PBKDF2_HMAC(
                         password.data(),
                         static_cast<int>(password.size()),
                         octets(salt),
                         static_cast<int>(salt.size()),
                         static_cast<int>(iterations),
                         EVP_sha256(),
                         static_cast<int>(key.size()),
                         key.data()
                     ) != 1) {
        ERR_clear_error();
        return {};
    }
    return text_of(key.data(), key.size());
}

}  // namespace mxpost::tls
