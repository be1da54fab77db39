// Base64 (RFC 4648 4), without line ends.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mxpost::mail {

std::string base64_encoded(std::string_view octets);
/// nullopt for anything but whole groups with the padding where it belongs, and no other octet.
std::optional<std::string> base64_decoded(std::string_view text);

}  // namespace mxpost::mail
