// Content: the header and body of one message, as a sender reads them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace mxpost::mail {

/// A stream of octets: header fields, an empty line, body; every line ends with CRLF. Whoever reads
/// must not trust that (a spool file belongs to its submitter): protocol::DataFramer checks each
/// octet.
class Content {
public:
    virtual ~Content() = default;
    /// Octets from start to end, for SIZE= (RFC 1870). What read() gives must add up to it.
    virtual std::uint64_t size() const = 0;
    /// Octets over 127 are in it (hint for BODY=8BITMIME).
    virtual bool is_eight_bit() const = 0;
    /// Back to the first octet: the next host gets it from the start.
    virtual Result<void> rewind() = 0;
    /// Up to buffer.size() octets; 0 at the end. An error means that the content is not (or no
    /// longer) what was submitted: the transaction must end without the final dot.
    virtual Result<std::size_t> read(std::span<char> buffer) = 0;
};

}  // namespace mxpost::mail
