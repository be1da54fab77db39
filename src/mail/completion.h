// Completion: what submission left open because this host had no full name
// (Envelope::is_incomplete) is closed by the engine, before signing.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "mail/address.h"
#include "mail/header.h"

namespace mxpost::mail {

/// Adds "@domain" to unqualified addresses of the originator and destination fields (From, Sender,
/// Reply-To, To, Cc and their Resent forms); drops source routes there. Says whether anything
/// changed. `domain` must be a domain name.
bool qualify_fields(HeaderBlock& header, std::string_view domain);

/// Replaces addresses in all fields that hold some (has_addresses(), Delivered-To), see
/// rewrite_address_field().
void change_fields(
    HeaderBlock& header, const std::function<std::optional<Address>(const Address&)>& change
);

/// True for a Message-ID that fix_up() made without knowing a domain: "<20240101000509.ID>".
bool is_incomplete_message_id(std::string_view value);

/// `header` as stored (CRLF, no empty line at the end) with fields qualified and an incomplete
/// Message-ID completed. The same arguments give the same text, so each attempt sends the same
/// message. Unchanged when `domain` is neither a domain name nor an address literal.
std::string complete_header(std::string_view header, std::string_view domain);

}  // namespace mxpost::mail
