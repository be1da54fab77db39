// xtext (RFC 3461 4): printable ASCII with other octets as "+2B".
#pragma once

#include <string>
#include <string_view>

namespace mxpost::mail {

/// False for empty text.
bool is_xtext(std::string_view text);
std::string to_xtext(std::string_view text);
/// RFC 6533 3: each character of the UTF-8 `text` that isn't ASCII as "\x{E9}".
std::string to_utf8_xtext(std::string_view text);

}  // namespace mxpost::mail
