// SMTP replies (RFC 5321 4.2): octets in, bounded replies out. The octets are hostile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mail/outcome.h"

namespace mxpost::protocol {

struct Reply {
    std::uint16_t code = 0;       // 200 to 599
    mail::EnhancedStatus status;  // RFC 2034; klass 0 when there is none or it contradicts the code
    std::vector<std::string> lines;  // as received, with code, without CRLF; any octet but LF

    /// First digit: 2, 3, 4 or 5. It decides (RFC 5321 4.2.1), whatever the others say.
    int klass() const { return code / 100; }
    /// Line `index` without code and separator.
    std::string_view words(std::size_t index) const;
    /// The server's words in one line of at most mail::kMaxOutcomeText octets: lines joined by a
    /// space, without the code; the enhanced status stands once, at the front.
    std::string text() const;
};

/// Finds the ends of replies in a stream that may be cut anywhere. Lines end with LF, CR before it
/// is dropped. Memory is bounded: see the limits.
class ReplyParser {
public:
    static constexpr std::size_t kMaxLine = 4096;  // RFC 5321 4.5.3.1.5 says 512
    static constexpr std::size_t kMaxLines = 100;
    static constexpr std::size_t kMaxTotal = 65536;

    enum class State {
        needs_more,  // every octet was consumed
        complete,    // take() the reply; what follows it was not consumed
        broken       // not SMTP, or over a limit: the stream can't be trusted any more
    };

    /// Consumes octets from the front of `bytes`. After `broken` it stays so.
    State parse(std::string_view& bytes);
    /// The reply that parse() completed; the parser starts anew.
    Reply take();
    /// Why it is broken: "a line over 4096 octets".
    const std::string& problem() const { return problem_; }
    /// No octet of an unfinished reply has been seen.
    bool is_between_replies() const { return line_.empty() && reply_.lines.empty(); }

private:
    State broken(std::string problem);
    State end_line();

    Reply reply_;
    std::string line_;
    std::size_t total_ = 0;
    std::string problem_;
};

}  // namespace mxpost::protocol
