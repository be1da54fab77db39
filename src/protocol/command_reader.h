// Command lines out of a stream that may be cut anywhere (RFC 5321 2.4, 4.5.3.1.4).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/data_reader.h"

namespace mxpost::protocol {

class CommandReader {
public:
    /// RFC 5321 4.5.3.1.4 says 512, and the extensions add to that (RFC 3461: ORCPT alone 500).
    static constexpr std::size_t kMaxLine = 4096;

    enum class Event {
        none,       // every octet was taken, the line goes on
        line,       // line() is whole
        too_long,   // a line over the limit has ended; its octets are lost
        line_feed,  // LF without CR ended a line of a dialogue with CRLF
    };

    /// `may_use_line_feeds`: LF alone is this dialogue's line end if it ends the first line.
    explicit CommandReader(bool may_use_line_feeds);

    /// Takes octets off the front of `octets`, at most to a line's end.
    Event take(std::string_view& octets);
    /// Without its end; until the next take().
    const std::string& line() const { return line_; }
    /// What the first line showed; crlf before there was one.
    LineEnds line_ends() const { return line_ends_.value_or(LineEnds::crlf); }

private:
    std::optional<LineEnds> line_ends_;
    std::string line_;
    bool is_complete_ = false;
    bool is_too_long_ = false;
    bool is_after_cr_ = false;  // the last octet was CR
};

}  // namespace mxpost::protocol
