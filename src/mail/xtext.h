// xtext (RFC 3461 4): printable ASCII with other octets as "+2B"; and its sibling for addresses
// beyond ASCII (RFC 6533 3), which has "\x{FC}".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mail/address.h"

namespace mxpost::mail {

inline constexpr std::size_t kMaxEnvelopeId = 100;         // ENVID, encoded: RFC 3461 4.4
inline constexpr std::size_t kMaxOriginalRecipient = 500;  // ORCPT, encoded: RFC 3461 4.2

/// False for empty text.
bool is_xtext(std::string_view text);
std::string to_xtext(std::string_view text);
/// The octets that xtext stands for, which may be any; nothing when it is none.
std::optional<std::string> from_xtext(std::string_view text);

/// utf-8-addr-xtext: `text` is UTF-8, the result printable ASCII without space, "+" and "=".
std::string to_utf8_address_xtext(std::string_view text);
/// The same of an ORCPT value (utf-8-addr-unitext), whose ASCII is encoded already: it stays.
std::string to_utf8_xtext(std::string_view value);
/// The address that either of them stands for, in UTF-8; nothing when a "\x{…}" is no character, or
/// a control character.
std::optional<std::string> from_utf8_address_xtext(std::string_view text);

/// "rfc822;alice+2Bx@example.com", or "utf-8;…" where the address is not ASCII.
std::string original_recipient_of(const Address& address);
/// An address type, a semicolon and xtext (utf-8-addr-xtext is xtext as well), not too long: fit to
/// be sent as ORCPT.
bool is_original_recipient(std::string_view text);

}  // namespace mxpost::mail
