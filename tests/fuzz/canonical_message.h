// Any octets as the message that submission makes of them.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "mail/input_reader.h"

namespace mxpost::fuzz {

inline void require(bool is_true) {
    if (!is_true) {
        std::abort();
    }
}

struct CanonicalMessage {
    std::string header;
    std::string body;
    mail::InputFacts facts;
    bool is_ended = false;
    bool is_refused = false;  // header over the limit
};

inline CanonicalMessage canonical_message(
    std::string_view input, const mail::InputOptions& options, std::size_t step
) {
    CanonicalMessage message;
    mail::InputReader reader(
        options,
        [&](std::string_view header) {
            message.header = header;
            return Result<void>();
        },
        [&](std::string_view piece) {
            message.body += piece;
            return Result<void>();
        }
    );
    for (; !input.empty() && !message.is_refused;
         input.remove_prefix(std::min(step, input.size()))) {
        message.is_refused = !reader.feed(input.substr(0, step)).has_value();
    }
    message.is_refused = message.is_refused || !reader.finish().has_value();
    message.facts = reader.facts();
    message.is_ended = reader.is_ended();
    return message;
}

/// CRLF line ends, nothing else of CR, LF or NUL, the last line complete. Returns the longest line.
inline std::size_t require_canonical(std::string_view text) {
    std::size_t longest = 0;
    while (!text.empty()) {
        const std::size_t end = text.find("\r\n");
        require(end != std::string_view::npos);
        require(
            text.substr(0, end).find_first_of(std::string_view("\r\n\0", 3)) ==
            std::string_view::npos
        );
        longest = std::max(longest, end);
        text.remove_prefix(end + 2);
    }
    return longest;
}

}  // namespace mxpost::fuzz
