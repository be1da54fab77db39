// The value of a Content-Type field (RFC 2045 5.1), as far as it says how a message is built.
#pragma once

#include <string>
#include <string_view>

namespace mxpost::mail {

struct ContentType {
    std::string type;      // lower case, "" when the value can't be parsed
    std::string subtype;   // lower case
    std::string boundary;  // "" when there is none; also one in sections (RFC 2231)
};

ContentType parse_content_type(std::string_view value);

/// The first token of a field value in lower case, comments left out: "7bit".
std::string first_token(std::string_view value);

}  // namespace mxpost::mail
