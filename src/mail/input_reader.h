// InputReader: what a program writes to our standard input → header and body in canonical form.
//
// The rules (what peers do with the same input is measured; these are the choices):
// - LF, CRLF and CR CR LF end a line, in any mixture.
// - A CR elsewhere is a line end in the body and one space in the header, so that a header value
//   can't bring in fields. Where the input has no LF before its end (or before the header limit),
//   CR is its line end.
// - NUL is dropped (and counted).
// - Without -i a line that is exactly "." ends the input, with or without its line end, in the
//   header too. A dot made a line by bare CRs doesn't. Leading dots are not taken off.
// - "From " and ">From " lines at the top are dropped (mbox). See classify_header_line() for where
//   the header ends; a line that is no field begins the body.
// - A missing last line end is added.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mxpost::mail {

struct InputOptions {
    bool ends_at_dot = true;                         // no -i
    std::size_t max_header = std::size_t{1} << 20U;  // octets of header, in canonical form
};

/// What was seen so far. Octets are counted as they come out (canonical form).
struct InputFacts {
    std::uint64_t input_octets = 0;  // fed, with what stood behind the final dot in the same piece
    std::uint64_t body_octets = 0;   // given to the body sink, complete after finish()
    std::uint64_t dropped_nuls = 0;
    std::uint64_t bare_carriage_returns = 0;  // in input with LF; now a line end or space
    bool has_long_lines = false;              // a line over 998 octets, in header or body
    bool is_eight_bit = false;                // an octet over 127, in header or body
    bool is_header_eight_bit = false;         // … in the header
    bool is_body_eight_bit = false;           // … in the body
};

class InputReader {
public:
    /// Gets the header text once, before any body: fields only, CRLF line ends, no empty line at
    /// the end; "" when there is none.
    using HeaderSink = std::function<Result<void>(std::string_view header)>;
    /// Gets the body in pieces (CRLF line ends, cut anywhere; the view lives until it returns).
    using BodySink = std::function<Result<void>(std::string_view piece)>;

    InputReader(const InputOptions& options, HeaderSink on_header, BodySink on_body);

    /// Takes the next octets, cut anywhere. Errors: a sink's own, or kHeaderTooLarge as context;
    /// after one the reader is of no more use, and the caller drains its input. Octets after the
    /// final dot are ignored.
    Result<void> feed(std::string_view octets);
    /// The input has ended. Call it once, also after is_ended(). on_header has been called after
    /// it.
    Result<void> finish();

    /// A lone dot was seen: what follows is not part of the message (the caller drains it).
    bool is_ended() const { return is_ended_; }
    const InputFacts& facts() const { return facts_; }

    static constexpr const char* kHeaderTooLarge = "552 5.3.4 message header too large";

private:
    enum class Phase { header, body };

    Result<void> feed_without_nul(std::string_view octets);
    Result<void> feed_lines(std::string_view octets);
    Result<void> take_header(std::string_view& octets);
    Result<void> take_header_line();
    Result<void> overflow_header();
    Result<void> begin_body();
    Result<void> take_body(std::string_view octets);
    void take_plain_lines(std::string_view& octets, bool may_have_returns);
    bool take_dot(std::string_view& octets);
    Result<void> take_line(std::string_view& octets);
    Result<void> put_line_part(std::string_view part);
    Result<void> put(std::string_view text);
    Result<void> end_line();
    Result<void> flush();

    InputOptions options_;
    HeaderSink on_header_;
    BodySink on_body_;
    InputFacts facts_;
    Phase phase_ = Phase::header;
    bool is_ended_ = false;

    bool has_line_feed_ = false;        // the input has LF; CR is not its line end
    bool is_cr_only_ = false;           // CR is taken for LF
    bool was_carriage_return_ = false;  // is_cr_only_: an LF now belongs to the CR before it
    std::string header_;                // canonical lines
    std::string line_;                  // what is there of the header line being read, without LF

    std::string out_;                  // body, waiting for the sink
    std::size_t line_length_ = 0;      // octets of the current body line given to out_
    std::size_t pending_returns_ = 0;  // CRs whose successor isn't known yet
    bool is_at_line_start_ = true;     // of an input line
    bool is_dot_held_ = false;         // the input line is "." so far, then pending_returns_ CRs
};

}  // namespace mxpost::mail
