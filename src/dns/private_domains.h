// Domains that every net uses for itself: only its own name servers know what is in them, and the
// root of the DNS proves that there is nothing.
#pragma once

#include <array>
#include <string_view>

namespace mxpost::dns {

/// With the dot in front. RFC 6762, RFC 8375, RFC 6761 6.4, and those of RFC 6762's appendix G.
inline constexpr std::array<std::string_view, 10> kPrivateDomains = {
    ".local",
    ".home.arpa",
    ".invalid",
    ".internal",
    ".intranet",
    ".private",
    ".corp",
    ".home",
    ".lan",
    ".localnet"};

/// RFC 6761 6.2: for tests, in a net of one's own as well.
inline constexpr std::string_view kTestDomain = ".test";

}  // namespace mxpost::dns
