// Text of peers made fit for the parts of a report.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mxpost::dsn {

/// Octets kept of one text: as a single word it still fits a line of 998 (RFC 5322 2.1.1).
inline constexpr std::size_t kMaxText = 900;

/// printable() with '?' for each character that is not ASCII: for fields that know no charset.
std::string ascii_printable(std::string_view text, std::size_t max_bytes = kMaxText);

/// "name: value" with CRLF, folded at spaces before column 76 (RFC 5322 2.2.3). `value` is
/// printable; a word without spaces stays whole.
std::string folded_field(std::string_view name, std::string_view value);

/// `text` (printable) in lines of at most 72 columns, each `indent` spaces in and ending with CRLF.
/// Words longer than a line stay whole.
std::string wrapped(std::string_view text, std::size_t indent = 0);

/// xtext decoded (RFC 3461 4); as it is when it is none or anything but printable ASCII would come
/// out.
std::string decode_xtext(std::string_view text);

}  // namespace mxpost::dsn
