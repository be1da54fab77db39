// The address that this host's connections leave from, and whether receivers will find a name for
// it: many refuse mail from an IPv6 address without one (design 5, "Address family").
#pragma once

#include <functional>
#include <optional>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include "route/reverse_name.h"

namespace mxpost::route {

/// The address that a connection to `destination` would come from: `configured`, or else the
/// kernel's choice. nullopt: there is no route, or `configured` is no address of this host. Asks
/// the kernel by a connected UDP socket; nothing is sent.
std::optional<boost::asio::ip::address> source_to(
    const boost::asio::ip::address& destination,
    const std::optional<boost::asio::ip::address>& configured
);

class SourceCheck {
public:
    using SourceOf = std::function<
        std::optional<boost::asio::ip::address>(const boost::asio::ip::address& destination)>;

    /// `source_of` as source_to(). `names` must outlive it.
    SourceCheck(SourceOf source_of, ReverseNames& names)
        : source_of_(std::move(source_of)), names_(names) {}

    /// This host has a route to `destination` and an address to come from.
    bool has_way_to(const boost::asio::ip::address& destination) const {
        return source_of_(destination).has_value();
    }
    /// The PTR record of the address that a connection to `destination` comes from gives a name
    /// that leads back to it. False also where that isn't known within two seconds.
    boost::asio::awaitable<bool> is_confirmed_to(boost::asio::ip::address destination);

private:
    SourceOf source_of_;
    ReverseNames& names_;
};

}  // namespace mxpost::route
