// The layout of a message file (documented for people in man/mxpost-spool.5):
//
//     preamble (64 octets) | envelope | header | body | journal …
//
// Everything before the journal is written once, before the file has a name. The journal is only
// appended to. The file belongs to its submitter, who may change it at any time, so every reader
// checks lengths and checksums, and senders check each octet again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mail/envelope.h"

namespace mxpost::spool {

inline constexpr std::size_t kPreambleSize = 64;
inline constexpr std::uint32_t kMaxEnvelopeSize = 32U << 20;
inline constexpr std::uint32_t kMaxHeaderSize = 16U << 20;
inline constexpr std::size_t kMaxRecipients = 100'000;

/// "mxpost1\n", then little-endian numbers; the last four octets are the checksum of those before.
struct Preamble {
    std::uint32_t envelope_size = 0;
    std::uint32_t header_size = 0;
    std::uint64_t body_size = 0;
    std::uint32_t envelope_crc = 0;
    std::uint32_t header_crc = 0;
    std::uint32_t body_crc = 0;
    bool is_eight_bit =
        false;  // known only when the body was read: so they stand here, not in the envelope
    bool has_long_lines = false;

    std::uint64_t body_offset() const {
        return kPreambleSize + std::uint64_t{envelope_size} + header_size;
    }
    std::uint64_t journal_offset() const { return body_offset() + body_size; }

    /// Exactly kPreambleSize octets.
    std::string encode() const;
    static Result<Preamble> decode(std::string_view octets);
};

/// Without is_eight_bit and has_long_lines.
std::string encode_envelope(const mail::Envelope& envelope);
/// Checks every address again; recipients are bounded by kMaxRecipients.
Result<mail::Envelope> decode_envelope(std::string_view octets);
/// How many recipients decode_envelope() would find, or stumble over.
std::size_t count_recipients(std::string_view octets);

}  // namespace mxpost::spool
