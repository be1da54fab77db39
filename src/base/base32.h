// Numbers as base-32 text whose byte order is the numbers' order (digits 0-9, then a-z without
// i, l, o, u, which are easily misread): spool file names sort by time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mxpost {

/// The low 5 * digits bits of `value`, padded with '0' in front.
std::string to_base32(std::uint64_t value, std::size_t digits);
/// Nothing for empty text, other characters, or more than 64 bits.
std::optional<std::uint64_t> from_base32(std::string_view text);

}  // namespace mxpost
