// Digests, computed by OpenSSL.
#pragma once

#include "base/digests.h"

namespace mxpost::tls {

class OpensslDigests final : public Digests {
public:
    std::string sha256(std::string_view text) const override;
    std::string hmac_sha256(std::string_view key, std::string_view text) const override;
    std::string hmac_md5(std::string_view key, std::string_view text) const override;
    std::string pbkdf2_sha256(
        std::string_view password, std::string_view salt, std::uint32_t iterations
    ) const override;
};

}  // namespace mxpost::tls
