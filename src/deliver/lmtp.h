// Mailboxes behind an LMTP server (RFC 2033), such as Dovecot's: it says for each recipient
// whether it knows him, and whether it has the message.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "deliver/domain_attempt.h"
#include "deliver/next_hop.h"

namespace mxpost::deliver {

struct LmtpServer {
    LmtpServer() = default;

    /// "/run/dovecot/lmtp", "localhost", "localhost:24", "192.0.2.1:24" or "[2001:db8::1]:24", with
    /// or without "lmtp:" in front. A name is looked up in the DNS ("localhost" isn't).
    static Result<LmtpServer> parse(std::string_view text);
    /// As in outcomes and logs: "lmtp:/run/dovecot/lmtp", "lmtp:localhost".
    std::string name() const;

    std::string path;  // of a Unix socket; or
    std::string host;  // a name or an address, without brackets
    std::uint16_t port = 24;
};

/// One attempt to hand a message to `server` for its recipients, whatever their domains: an outcome
/// for each, in order. References must outlive it.
boost::asio::awaitable<AttemptResult> attempt_lmtp(
    Services& services, LmtpServer server, Consignment consignment
);

class LmtpDestination final : public Destination {
public:
    LmtpDestination(Services& services, LmtpServer server)
        : services_(services), server_(std::move(server)) {}
    boost::asio::awaitable<NextHopResult> find() override;

private:
    Services& services_;
    LmtpServer server_;
};

}  // namespace mxpost::deliver
