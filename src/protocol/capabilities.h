// What a server said it can do in its reply to EHLO (RFC 5321 4.1.1.1).
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/reply.h"
#include "protocol/sasl.h"

namespace mxpost::protocol {

struct Capabilities {
    bool has_pipelining = false;                  // RFC 2920
    bool has_size = false;                        // RFC 1870
    std::uint64_t size_limit = 0;                 // octets, 0: none stated
    bool has_eight_bit_mime = false;              // RFC 6152
    bool has_start_tls = false;                   // RFC 3207
    bool has_enhanced_status = false;             // RFC 2034
    bool has_smtp_utf8 = false;                   // RFC 6531
    bool has_dsn = false;                         // RFC 3461
    bool has_chunking = false;                    // RFC 3030
    Mechanisms auth;                              // RFC 4954, those that this client knows
    bool has_require_tls = false;                 // RFC 8689
    std::optional<std::uint32_t> recipients_max;  // RFC 9422 RCPTMAX, 1 to 999999
    std::optional<std::uint32_t> mails_max;       // RFC 9422 MAILMAX, 1 to 999999
    /// RFC 9422 RCPTDOMAINMAX, 1 to 999999: different domains of recipients in one session.
    std::optional<std::uint32_t> recipient_domains_max;
};

/// Unknown keywords and bad parameters are passed over; of a keyword that comes twice with
/// different limits the smaller counts. The first line is the server's name, not a keyword.
Capabilities parse_capabilities(const Reply& reply);

}  // namespace mxpost::protocol
