// Content as DATA brings it (RFC 5321 4.1.1.4, 4.5.2): finds its end and takes the stuffed dots
// off. Only CRLF "." CRLF ends it: what another server might take for that (LF "." LF, LF "." CRLF,
// CR "." CR) is content, or else a message could carry a second one in its body (smuggling).
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace mxpost::protocol {

/// What ends a line. `line_feed`: a dialogue on standard input that began that way.
enum class LineEnds : std::uint8_t { crlf, line_feed };

class DataReader {
public:
    /// Gets content in pieces, cut anywhere; a piece lives until it returns.
    using Sink = std::function<void(std::string_view piece)>;

    explicit DataReader(LineEnds line_ends) : line_ends_(line_ends) {}

    /// Takes octets off the front of `octets`: all, or up to the end of data.
    void take(std::string_view& octets, const Sink& sink);
    /// BDAT's content has no end mark and no dots (RFC 3030 2): it is only looked at.
    void look_at(std::string_view octets);

    bool is_ended() const { return state_ == State::ended; }
    /// An LF without CR was there, which is no end of line for us but for others.
    bool has_bare_line_feed() const { return has_bare_line_feed_; }

private:
    enum class State : std::uint8_t {
        line_start,
        dot,     // a line's first octet, kept back: it is stuffing, or the end
        dot_cr,  // both kept back
        text,    // within a line
        cr,      // … and the last octet was CR
        ended
    };
    /// To the next line's start, or to the end of `octets`. Returns the octets passed.
    std::size_t pass_line(std::string_view octets);

    LineEnds line_ends_;
    State state_ = State::line_start;
    bool has_bare_line_feed_ = false;
};

}  // namespace mxpost::protocol
