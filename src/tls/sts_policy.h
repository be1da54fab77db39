// MTA-STS policies (RFC 8461): what a domain says of its mail servers over DNS and HTTPS, read and
// compared. Pure; all of it was written by strangers.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/answer.h"

namespace mxpost::tls {

enum class StsMode : std::uint8_t {
    none,     // no policy any more
    testing,  // deviations are reported, and mail flows
    enforce   // only to servers that match, and whose certificates are good
};

/// "enforce"
std::string_view text_of(StsMode mode);

struct StsPolicy {
    StsPolicy() = default;

    StsMode mode = StsMode::none;
    /// Lower case, without final dot: "mx.example.com", or "*.example.com" for one label more.
    std::vector<std::string> mx;
    std::chrono::seconds max_age{0};

    friend bool operator==(const StsPolicy&, const StsPolicy&) = default;
};

inline constexpr std::size_t kMaxStsText = std::size_t{64} << 10;  // RFC 8461 3.3: 64 KB
inline constexpr std::size_t kMaxStsPatterns = 200;
inline constexpr std::chrono::seconds kMaxStsAge{31557600};  // RFC 8461 3.2: a year

/// The id of the one record that says that there is a policy (RFC 8461 3.1). Nothing when there is
/// no such record, more than one, or a malformed one: then there is no policy to be fetched.
std::optional<std::string> sts_id(const std::vector<dns::TxtRecord>& records);

/// The text of mta-sts.txt (RFC 8461 3.2). The error says in a few words what is wrong with it.
Result<StsPolicy> parse_sts_policy(std::string_view text);

/// Letters, digits, hyphens and underscores in labels: nothing that means something in a URL or to
/// a reader of files.
bool is_host_name(std::string_view text);

/// The policy as lines "mode: enforce", for reports and for the cache.
std::vector<std::string> lines_of(const StsPolicy& policy);

/// `host`: A-labels, any case, no final dot. RFC 8461 4.1.
bool is_named(const StsPolicy& policy, std::string_view host);

}  // namespace mxpost::tls
