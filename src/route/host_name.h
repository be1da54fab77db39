// The name that this host says HELO with (RFC 5321 4.1.1.1: its own, fully qualified, or else an
// address literal). Receivers refuse anything less.
#pragma once

#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include "route/reverse_name.h"

namespace mxpost::route {

/// Fully qualified LDH labels (RFC 5321 2.3.5: no underscore), the last one no number; not
/// "localhost", nothing under ".localhost" or ".localdomain". Without trailing dot.
bool is_valid_helo_name(std::string_view name);

/// A valid name under a top-level domain that every net uses for itself, so that a server elsewhere
/// can't look it up: .local (RFC 6762), .internal, .home.arpa (RFC 8375), .lan, … What containers
/// and clouds call their hosts: "pod.ns.svc.cluster.local", "ip-10-0-0-5.compute.internal".
bool is_private_name(std::string_view name);

/// Finds the name for each address that connections come from. Not thread-safe.
class HeloName {
public:
    /// `configured`: what the settings say; `host_name`: what gethostname(2) or /etc/hosts gave;
    /// either may be empty or no full name. `names` must outlive it.
    HeloName(std::string configured, std::string host_name, ReverseNames& names);

    /// For a connection from `source`, the first that there is of:
    /// - what is configured;
    /// - the host's own full name;
    /// - a PTR name of `source`, rather one that leads back to it;
    /// - the host's own name where only private nets know it and `source` is such a net's as well;
    /// - the address literal of `source`.
    /// Never a container's id, never an invalid name. Bounded by a few seconds; remembered as
    /// ReverseNames says.
    boost::asio::awaitable<std::string> find(boost::asio::ip::address source);
    /// For a connection that comes from no address: a Unix socket. Nobody looks it up.
    std::string find_for_socket() const;

private:
    std::string configured_;  // valid or empty
    std::string host_name_;   // valid or empty
    ReverseNames& names_;
};

}  // namespace mxpost::route
