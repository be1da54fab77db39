// Why TLS with a host didn't come to what it should have, in the terms of RFC 8460 4.3.
#pragma once

#include <cstdint>
#include <string_view>

namespace mxpost::tls {

enum class Failure : std::uint8_t {
    none,
    starttls_not_supported,
    certificate_host_mismatch,
    certificate_expired,
    certificate_not_trusted,
    validation_failure,  // any other
    tlsa_invalid,
    dnssec_invalid,
    dane_required,
    sts_policy_fetch_error,
    sts_policy_invalid,
    sts_webpki_invalid
};

/// "certificate-host-mismatch": the result-type of a report. Empty for `none`.
std::string_view result_type(Failure failure);

}  // namespace mxpost::tls
