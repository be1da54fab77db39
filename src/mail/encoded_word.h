// Text that is not plain ASCII in header fields: RFC 2047 encoded words, and quoted phrases.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mxpost::mail {

/// `text` as encoded words of at most 75 octets, joined by CRLF SP so that no line passes 76
/// (`column` octets stand before the first). Q where most octets stay readable, else B; no
/// character is cut in two. Charset utf-8, or `charset` (one of single octets) when `text` isn't
/// UTF-8: unknown-8bit is that of RFC 1428. Control characters become spaces.
std::string encode_words(
    std::string_view text, std::size_t column, std::string_view charset = "unknown-8bit"
);

/// `name` as RFC 5322 phrase for "phrase <address>": bare when it is only atoms, quoted when it is
/// ASCII, else encoded words. Control characters (line ends too) become spaces; "" for "".
std::string display_name(std::string_view name, std::size_t column = 6);

}  // namespace mxpost::mail
