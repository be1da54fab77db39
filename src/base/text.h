// Small operations on ASCII text. "Case" here is ASCII case: addresses and headers have no other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mxpost {

std::string ascii_lower(std::string_view text);
bool ascii_iequals(std::string_view a, std::string_view b);
bool ascii_istarts_with(std::string_view text, std::string_view prefix);
/// Without leading and trailing space, tab, CR and LF.
std::string_view trim(std::string_view text);
bool is_ascii(std::string_view text);
/// Well-formed UTF-8 without surrogates and overlong forms (ASCII included).
bool is_utf8(std::string_view text);
/// For logs, terminals and reports: control characters (C1, DEL, separators of lines and turns of
/// direction too) and what isn't UTF-8 become '?'; cut to `max_bytes` at a character, with "...".
std::string printable(std::string_view text, std::size_t max_bytes = 1024);
/// The whole text as an unsigned decimal number, no sign, no space.
std::optional<std::uint64_t> parse_unsigned(std::string_view text);
/// Splits at `separator`; keeps empty parts.
std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace mxpost
