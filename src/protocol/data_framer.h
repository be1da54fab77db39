// Content for DATA (RFC 5321 4.1.1.4, 4.5.2) and BDAT (RFC 3030 2): each octet is checked; for DATA
// dots are stuffed, and the end of data can be written in one place only. What a receiver might
// take for an end of line but isn't CRLF never passes: that is how messages are smuggled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mxpost::protocol {

/// How the receiver knows where the content ends.
enum class Framing {
    data,  // by a line with a dot
    bdat   // by its size: dots are left alone, and nothing ends it
};

class DataFramer {
public:
    static constexpr std::size_t kMaxLine = 998;  // RFC 5321 4.5.3.1.6, without CRLF

    explicit DataFramer(Framing framing = Framing::data, std::size_t max_line = kMaxLine)
        : framing_(framing), max_line_(max_line) {}

    /// Appends the framed chunk to `out` (at most 4/3 of its size and one octet more). An error
    /// (bare CR, bare LF, NUL, line too long) means that the message must not be ended: `out` is
    /// to be thrown away with the connection. Chunks may be cut anywhere.
    Result<void> append(std::string_view chunk, std::string& out);
    /// DATA: appends ".CRLF". Error when the content doesn't end with CRLF.
    Result<void> finish(std::string& out);
    /// Octets of content taken so far.
    std::uint64_t octets() const { return octets_; }

private:
    Framing framing_;
    std::size_t max_line_;
    std::size_t column_ = 0;    // octets of the present line before its CR
    bool is_after_cr_ = false;  // the last octet was CR
    std::uint64_t octets_ = 0;
};

}  // namespace mxpost::protocol
