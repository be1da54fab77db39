// What a message itself says of TLS on its way.
#pragma once

#include <string_view>

#include "deliver/next_hop.h"
#include "mail/envelope.h"

namespace mxpost::deliver {

/// RFC 8689 5: REQUIRETLS goes before the header field "TLS-Required: No". `header`: CRLF lines.
TlsWish tls_wish(const mail::Envelope& envelope, std::string_view header);

}  // namespace mxpost::deliver
