// What receivers ask about this host: its resolver, its addresses' names, HELO, block lists, and
// whether port 25 leads out of here.
#pragma once

#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "doctor/context.h"
#include "doctor/probe.h"
#include "doctor/report.h"

namespace mxpost::doctor {

/// An address of ours as receivers see it.
struct OwnAddress {
    OwnAddress() = default;

    boost::asio::ip::address local;
    /// The same, or behind NAT the one that a server told us; none: nobody did.
    std::optional<boost::asio::ip::address> visible;
};

/// `domain`: one to ask about that is asked about anyway.
boost::asio::awaitable<Findings> check_resolver(Context& context, std::string domain);
/// PTR, its confirmation, and the name that HELO says there. `needs_ipv6`: mail leaves over IPv6
/// even where no name leads back to it.
boost::asio::awaitable<Findings> check_address(
    Context& context, OwnAddress address, bool needs_ipv6
);
boost::asio::awaitable<Findings> check_block_lists(
    Context& context, std::vector<boost::asio::ip::address> addresses
);

/// From the probes of all hosts of all domains: is it this host's way out, or theirs? Pure.
Findings judge_way_out(const std::vector<Probe>& probes, const config::Settings& settings);
/// By what the servers' greetings say of the time: nothing where they say none. Pure.
Findings judge_clock(const std::vector<Probe>& probes);
/// True when `findings` blame this host, and nothing more needs to be said of each server.
bool blames_this_host(const Findings& way_out);

/// "1.2.0.192.in-addr.arpa"
std::string reverse_zone_name(const boost::asio::ip::address& address);

}  // namespace mxpost::doctor
