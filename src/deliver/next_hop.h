// Where an attempt goes: the hosts that take the mail, and how they are spoken to.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "mail/outcome.h"
#include "smtp/session.h"

namespace mxpost::deliver {

struct Services;

/// What a message's sender wants of TLS on its way.
enum class TlsWish : std::uint8_t {
    usual,
    lenient,  // "TLS-Required: No" (RFC 8689 5): rather delivered than as its recipient's domain
              // asks
    required  // REQUIRETLS (RFC 8689 4): only to servers that are who they should be
};

struct NextHop {
    NextHop() = default;

    std::string domain;  // of the recipients, A-labels, whose policies count; empty: nobody's
    std::string site;    // whose limits and warm sessions: see Sites
    std::vector<smtp::Peer> peers;  // in the order to try them, never empty
    /// A deferral: why there is a host besides that can't be tried at present. What the others say
    /// of themselves is no reason to return mail then (RFC 5321 5.1).
    std::optional<mail::RecipientOutcome> left_out;
    smtp::SessionSettings session;
    /// Nobody could have put other hosts in these ones' place: DNSSEC or MTA-STS says so.
    bool is_authentic = false;
    /// Hosts that have offered TLS before must do so still, where `may` would be enough.
    bool refuses_downgrade = false;
};

/// `peers` cut where the preference changes: each group is for one smtp::Session::connect().
std::vector<std::vector<smtp::Peer>> groups_of_equal_preference(const std::vector<smtp::Peer>& peers
);

/// Adds what REQUIRETLS demands of each server; the outcome where it can't be had.
std::optional<mail::RecipientOutcome> require_tls(NextHop& hop);

using NextHopResult = std::variant<NextHop, mail::RecipientOutcome>;

class Destination {
public:
    virtual ~Destination() = default;
    /// The outcome, deferred or failed, holds for every recipient. Called once. Ends within a
    /// bounded time.
    virtual boost::asio::awaitable<NextHopResult> find() = 0;
    /// A server of it took user and password for wrong, with these words.
    virtual void credentials_refused(const mail::RecipientOutcome&) {}
};

/// The MX hosts of `domain`, which is as in mail::Address.
class MxDestination final : public Destination {
public:
    MxDestination(
        Services& services,
        std::string domain,
        bool is_urgent = false,
        TlsWish wish = TlsWish::usual
    )
        : services_(services), domain_(std::move(domain)), is_urgent_(is_urgent), wish_(wish) {}
    boost::asio::awaitable<NextHopResult> find() override;

private:
    Services& services_;
    std::string domain_;
    bool is_urgent_;  // see Routes
    TlsWish wish_;
};

}  // namespace mxpost::deliver
