// Parameters of Content-Type and Content-Disposition (RFC 2045 5.1, RFC 2183): "; name=value".
#pragma once

#include <string>
#include <string_view>

namespace mxpost::mail {

/// The value of the first parameter with this name, without quotes; "" where there is none.
std::string parameter(std::string_view value, std::string_view name);

/// The field's value with each parameter beyond ASCII as RFC 2231 4 writes it
/// (filename*=utf-8''M%C3%BC.pdf); everything else keeps its octets. `charset`: of what isn't
/// UTF-8.
std::string ascii_parameters(std::string_view value, std::string_view charset);

}  // namespace mxpost::mail
