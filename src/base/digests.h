// The seam between those who need cryptographic digests and the library that computes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mxpost {

/// All results are raw octets; empty where the library refuses (MD5 under a FIPS policy).
class Digests {
public:
    virtual ~Digests() = default;
    virtual std::string sha256(std::string_view text) const = 0;
    virtual std::string hmac_sha256(std::string_view key, std::string_view text) const = 0;
    virtual std::string hmac_md5(std::string_view key, std::string_view text) const = 0;
    /// RFC 8018 PBKDF2 with HMAC-SHA-256, 32 octets: Hi() of RFC 5802 2.2.
    virtual std::string pbkdf2_sha256(
        std::string_view password, std::string_view salt, std::uint32_t iterations
    ) const = 0;
};

}  // namespace mxpost
