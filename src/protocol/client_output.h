// What a client session writes, and who listens to it.
#pragma once

#include <string>
#include <string_view>

#include "protocol/dialogue.h"
#include "protocol/reply.h"

namespace mxpost::protocol {

/// To `listener`, which may be null: all lines of a reply.
void tell_reply(Dialogue* listener, const Reply& reply);

class ClientOutput {
public:
    /// `dialogue` may be null; it must outlive this object.
    explicit ClientOutput(Dialogue* dialogue) : dialogue_(dialogue) {}

    /// Octets to be written, in order.
    std::string octets;

    /// `line` without CRLF; to this session's listener, or to a message's own (may be null).
    void command(std::string_view line) { command(line, dialogue_); }
    void command(std::string_view line, Dialogue* listener);
    /// A command, or the answer to a challenge, that ends with what nobody but the server may see.
    void secret(std::string_view line, std::string_view secret);
    /// `octets` have been written. Empties them; unless more is coming they give back the room that
    /// a session which waits doesn't need.
    void written(bool is_more_coming);

    /// To this session's listener.
    void note(std::string_view line);
    Dialogue* dialogue() const { return dialogue_; }

private:
    Dialogue* dialogue_;
    bool has_secret_ = false;
};

}  // namespace mxpost::protocol
