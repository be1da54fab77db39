// Header fields beyond ASCII, made such that any server takes them (RFC 5322 2.2): without SMTPUTF8
// (RFC 6531) no octet over 127 may be in a header, and large receivers refuse mail that has some.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "mail/header.h"

namespace mxpost::mail {

/// What readers see stays the same:
/// - text (Subject, X-…) and the names and comments beside addresses become encoded words (RFC
///   2047), words of ASCII alone stay as they are;
/// - parameters of Content-Type and Content-Disposition become those of RFC 2231;
/// - in other fields that have a syntax (Message-ID, Date), '?' takes the place of such octets.
/// Only addresses stay: they need RFC 6531, or, for their domains, A-labels. What has no domain is
/// a name ("Büro"). Fields that can't be read as addresses are text beside the ASCII addresses in
/// it. Text is UTF-8, or else in the charset that Content-Type names, if it is one of single
/// octets, or unknown-8bit (RFC 1428). Linear work.
void make_ascii(HeaderBlock& header);

/// Is this a field that holds addresses, of those that make_ascii() knows (From, Resent-To,
/// Errors-To …)?
bool has_addresses(const HeaderField& field);

/// Text with encoded words for what is beyond ASCII. `column`: octets that stand before it.
std::string ascii_text(
    std::string_view value, std::size_t column, std::string_view charset = "unknown-8bit"
);

}  // namespace mxpost::mail
