// What a client session writes, and who listens to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/dialogue.h"
#include "protocol/reply.h"

namespace mxpost::protocol {

class ClientOutput {
public:
    /// `dialogue` may be null; it must outlive this object.
    explicit ClientOutput(Dialogue* dialogue) : dialogue_(dialogue) {}

    /// Octets to be written, in order.
    std::string octets;

    /// `line` without CRLF.
    void command(std::string_view line);
    /// A command, or the answer to a challenge, that ends with what nobody but the server may see.
    void secret(std::string_view line, std::string_view secret);
    /// `octets` have been written. Empties them.
    void written();
    /// The end of content of `size` octets, which are in `octets` already.
    void content_sent(std::uint64_t size);
    void heard(const Reply& reply);
    void note(std::string_view line);

private:
    Dialogue* dialogue_;
    bool has_secret_ = false;
};

}  // namespace mxpost::protocol
