// SHA-256 of what comes in pieces.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/types.h>

namespace mxpost::dkim {

/// Copies go on from where the original was. Throws where the library has no SHA-256, or no memory.
class Sha256 {
public:
    Sha256();
    Sha256(const Sha256& other);
    Sha256(Sha256&&) noexcept = default;
    Sha256& operator=(const Sha256&) = delete;
    Sha256& operator=(Sha256&&) noexcept = default;
    ~Sha256() = default;

    void add(std::string_view octets);
    /// 32 octets. Nothing can be added any more.
    std::string finish();

private:
    struct Deleter {
        void operator()(EVP_MD_CTX* context) const;
    };
    std::unique_ptr<EVP_MD_CTX, Deleter> context_;
};

}  // namespace mxpost::dkim
