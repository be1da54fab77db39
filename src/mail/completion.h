// Completion: what submission left open because this host had no full name
// (Envelope::is_incomplete) is closed by the engine, before signing.
#pragma once

#include <string>
#include <string_view>

namespace mxpost::mail {

/// `header` as stored (CRLF, no empty line at the end) with unqualified addresses of the originator
/// and destination fields completed with `domain`, and a Message-ID without '@' too. The same
/// arguments give the same text, so each attempt sends the same message.
std::string complete_header(std::string_view header, std::string_view domain);

}  // namespace mxpost::mail
