// Base64 (RFC 4648 4), without line ends.
#pragma once

#include <string>
#include <string_view>

namespace mxpost::mail {

std::string base64_encoded(std::string_view octets);

}  // namespace mxpost::mail
