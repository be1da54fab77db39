// Who listens to an SMTP dialogue: `sendmail -v`, the trace of an attempt, tests.
#pragma once

#include <string_view>

namespace mxpost::protocol {

/// Lines come without CRLF, in the order in which they were queued for writing or parsed, and only
/// while the call lasts. The server's lines are hostile: bounded (4096 octets), but they may hold
/// any octet but LF.
class Dialogue {
public:
    virtual ~Dialogue() = default;
    /// A command; content is summarised as "(1234 octets of content)".
    virtual void client(std::string_view line) = 0;
    /// One line of a reply, with its code.
    virtual void server(std::string_view line) = 0;
    /// What isn't a line: "TLSv1.3 …", "connection lost".
    virtual void note(std::string_view line) = 0;
};

}  // namespace mxpost::protocol
