// The domain of senders on a host that has no full name, such as a container called 3f2a9c: found
// by the engine, since submission doesn't wait for the DNS (design 7).
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include "base/clock.h"
#include "dns/resolver.h"

namespace mxpost::route {

/// Can other networks know this address? Not those of private nets, of carriers' NAT, of a link
/// (RFC 1918, RFC 6598, RFC 4193, …). Pure.
bool is_known_elsewhere(const boost::asio::ip::address& address);

/// The addresses that this host sends from by default, at most one of each family; asked of the
/// kernel's routes without sending anything.
std::vector<boost::asio::ip::address> default_sources();

class SenderDomain {
public:
    using Sources = std::function<std::vector<boost::asio::ip::address>()>;

    /// `configured`: what the settings and this host's files say, or empty. `helo_name`: a name
    /// that servers elsewhere accept, for want of that, or empty. `sources`: the addresses that
    /// mail leaves from, the usual one first. `resolver` and `clock` outlive it.
    SenderDomain(
        std::string configured,
        std::string helo_name,
        Sources sources,
        dns::Resolver& resolver,
        const Clock& clock
    );

    /// `configured`, or `helo_name`; else a PTR name of a source address that leads back to it;
    /// else the literal of a source address ("[192.0.2.1]"): a sender that can be answered, though
    /// some servers refuse it. Source addresses that only this net knows are no good for either.
    /// Empty: there is nothing that a server elsewhere would accept. Remembered for a while.
    boost::asio::awaitable<std::string> find();

    /// Is it `configured`, and so good for recipients as well?
    bool is_configured() const { return !configured_.empty(); }
    /// What find() found last; empty before.
    const std::string& last() const { return is_configured() ? configured_ : found_; }

private:
    std::string configured_;
    std::string helo_name_;
    Sources sources_;
    dns::Resolver& resolver_;
    const Clock& clock_;
    std::string found_;
    bool has_name_ = false;  // found_ is one that the DNS gave, no literal
    std::optional<SteadyTime> fresh_until_;
};

}  // namespace mxpost::route
