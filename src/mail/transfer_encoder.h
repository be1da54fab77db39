// Bodies in another Content-Transfer-Encoding (RFC 2045 6.7, 6.8), as a stream of line pieces.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "mail/mime_walker.h"

namespace mxpost::mail {

/// Takes one body. Output lines end with CRLF and hold at most 76 octets; none begins with "-", so
/// none can be taken for a delimiter.
class TransferEncoder {
public:
    virtual ~TransferEncoder() = default;
    virtual void put(const LinePiece& piece, std::string& out) = 0;
    /// The body has ended. `is_delimited`: its last line end belongs to the delimiter that follows.
    /// Leaves `out` at a line's start.
    virtual void finish(bool is_delimited, std::string& out) = 0;
};

/// Text → quoted-printable; lines stay lines.
std::unique_ptr<TransferEncoder> quoted_printable_encoder();
/// Octets with CRLF between lines → base64.
std::unique_ptr<TransferEncoder> base64_encoder();
/// Quoted-printable of any line length → lines of at most 76, decoding to the same.
std::unique_ptr<TransferEncoder> quoted_printable_wrapper();
/// Base64 of any line length → lines of 76; what is not base64 is left out (RFC 2045 6.8).
std::unique_ptr<TransferEncoder> base64_wrapper();

}  // namespace mxpost::mail
