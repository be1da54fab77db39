// The addresses of this host, for noticing that a domain's mail would come back to it.
#pragma once

#include <optional>
#include <set>

#include <boost/asio/ip/address.hpp>

#include "base/clock.h"

namespace mxpost::route {

/// The addresses of all interfaces (getifaddrs), but for loopback ones, which special_address.h
/// refuses anyway. Read again when they are older than ten seconds: an engine may run for months.
class InterfaceAddresses {
public:
    explicit InterfaceAddresses(const Clock& clock) : clock_(clock) {}

    /// Where the interfaces can't be read, what was read last counts.
    bool contains(const boost::asio::ip::address& address);

private:
    const Clock& clock_;
    std::optional<SteadyTime> read_at_;
    std::set<boost::asio::ip::address> addresses_;
};

}  // namespace mxpost::route
