// The domain of a mail address in the form that the DNS wants: A-labels, or an address literal.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/ip/address.hpp>

#include "base/result.h"
#include "mail/address.h"

namespace mxpost::route {

/// "Bücher.example" to "xn--bcher-kva.example": lower-case A-labels without trailing dot, by IDNA
/// 2008 with the non-transitional mapping of UTS 46 (RFC 5891 5, "faß" is not "fass"). An ASCII
/// name is only put in lower case. Error: no such name can exist in the DNS.
Result<std::string> to_a_labels(std::string_view domain);

/// With A-labels where that makes it ASCII, so that only a local part beyond ASCII needs RFC 6531;
/// else as it is.
mail::Address with_a_labels(const mail::Address& address);

/// The same for the address fields of a header (CRLF, without the empty line), and for the domains
/// in Message-ID and Received, which may be this host's. Unchanged where that doesn't make all of
/// it ASCII: it needs RFC 6531 then.
std::string header_with_a_labels(std::string header);

/// True for "[…]".
bool is_address_literal(std::string_view domain);

/// "[192.0.2.1]" and "[IPv6:2001:db8::1]" (RFC 5321 4.1.3); nothing for any other text.
std::optional<boost::asio::ip::address> parse_address_literal(std::string_view domain);

/// The literal of an address, without its scope.
std::string address_literal(const boost::asio::ip::address& address);

}  // namespace mxpost::route
