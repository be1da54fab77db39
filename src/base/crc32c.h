// CRC-32C (RFC 3720 appendix B.4): the checksum of spool files and journal records.
#pragma once

#include <cstdint>
#include <string_view>

namespace mxpost {

/// Continues `crc` (0 to start) over `data`: crc32c(crc32c(0, a), b) == crc32c(0, a + b).
std::uint32_t crc32c(std::uint32_t crc, std::string_view data);

/// The same, with the means of any processor.
std::uint32_t crc32c_by_tables(std::uint32_t crc, std::string_view data);

}  // namespace mxpost
