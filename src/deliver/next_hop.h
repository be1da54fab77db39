// Where an attempt goes: the hosts that take the mail, and how they are spoken to.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "mail/outcome.h"
#include "smtp/session.h"

namespace mxpost::deliver {

struct Services;

struct NextHop {
    NextHop() = default;

    std::string site;               // whose limits and warm sessions: see Sites
    std::vector<smtp::Peer> peers;  // in the order to try them, never empty
    smtp::SessionSettings session;
};

/// `peers` cut where the preference changes: each group is for one smtp::Session::connect().
std::vector<std::vector<smtp::Peer>> groups_of_equal_preference(const std::vector<smtp::Peer>& peers
);

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
    MxDestination(Services& services, std::string domain, bool is_urgent = false)
        : services_(services), domain_(std::move(domain)), is_urgent_(is_urgent) {}
    boost::asio::awaitable<NextHopResult> find() override;

private:
    Services& services_;
    std::string domain_;
    bool is_urgent_;  // see Routes
};

}  // namespace mxpost::deliver
