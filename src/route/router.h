// Router: the domain of a recipient to the hosts that take its mail, in the order to try them
// (RFC 5321 5.1).
//
// It asks for MX records (none: the domain itself is the host), drops what lies behind this very
// host (RFC 5321 5.1: or mail would go round in circles), and looks up addresses for the first
// hosts, all at once. Everything that can go wrong is an outcome with one sentence for people.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include "base/random.h"
#include "dns/resolver.h"
#include "mail/outcome.h"
#include "route/source_check.h"

namespace mxpost::route {

enum class AddressFamily : std::uint8_t {
    /// IPv4 first. IPv6 from where receivers like it (SourceCheck), and to hosts that surely have
    /// no IPv4 address, or that this host can't reach over IPv4.
    automatic,
    ipv4,         // never IPv6
    ipv6,         // never IPv4
    prefer_ipv4,  // within each host
    prefer_ipv6
};

struct MxHost {
    MxHost() = default;
    MxHost(std::string name_, std::uint16_t preference_)
        : name(std::move(name_)), preference(preference_) {}

    std::string name;  // A-labels, lower-case, no trailing dot; or an address literal
    std::uint16_t preference = 0;
    std::vector<boost::asio::ip::address> addresses;  // in the order to try them, never empty
    /// `name` after its CNAMEs; empty where none of its addresses was looked up.
    std::string canonical_name;
    /// DNSSEC covers the CNAMEs and addresses. A look-up that failed counts for nothing: what it
    /// would have said is not known to be insecure.
    bool is_secure = false;
};

struct Route {
    Route() = default;

    std::string domain;            // A-labels, lower-case
    std::string canonical_domain;  // the same after its CNAMEs; empty for an address literal
    std::vector<MxHost> hosts;     // in the order to try them, never empty
    /// Why one more host, or the IPv4 address of one, isn't known now; empty: all are.
    std::string problem;
    /// The same for all domains with the same set of MX hosts: limits and sessions belong to it.
    std::string site;
    bool is_secure = false;  // DNSSEC covers the MX records, or their absence
};

using RouteResult = std::variant<Route, mail::RecipientOutcome>;

struct RouterSettings {
    AddressFamily family = AddressFamily::automatic;
    /// For `automatic`; must outlive the router. Null: IPv6 is taken to be liked.
    SourceCheck* source_check = nullptr;
    std::set<std::string> own_names;  // of this host, lower-case A-labels: an MX here is a loop
};

inline constexpr std::size_t kMaxHosts = 10;       // whose addresses are looked up
inline constexpr std::size_t kMaxAddresses = 100;  // in one route
inline constexpr std::size_t kMaxSiteName = 2000;  // octets; four hosts whose names are long

class Router {
public:
    /// `resolver` and `random` must outlive the router, and the router its coroutines.
    Router(
        dns::Resolver& resolver,
        Random& random,
        RouterSettings settings,
        std::function<bool(const boost::asio::ip::address&)> is_own_address
    );

    /// `domain` as in mail::Address: U-labels, A-labels or an address literal. The outcome is
    /// deferred or failed. Bounded by twice the resolver's time limit and a few seconds; where the
    /// awaiting coroutine is cancelled, ends by the exception or with a deferred outcome.
    boost::asio::awaitable<RouteResult> route(std::string domain);

    /// An address of this host.
    bool is_own_address(const boost::asio::ip::address& address) const {
        return is_own_address_(address);
    }
    /// The literal of such an address, or of a loopback one: mail to it is for this host's users
    /// (RFC 1123 5.2.17), and route() has no way for it.
    bool is_own_literal(std::string_view domain) const;

private:
    struct HostLookup;
    struct Lookups;

    RouteResult route_to_literal(const std::string& domain) const;
    /// The hosts to look up, in order; `hosts` as the MX records say.
    std::vector<MxHost> in_order(std::vector<MxHost> hosts);
    boost::asio::awaitable<std::vector<HostLookup>> look_up(std::vector<MxHost> hosts);
    boost::asio::awaitable<void> pass_over_ipv6(std::vector<HostLookup>& lookups);
    RouteResult assemble(Route route, std::vector<HostLookup> lookups, bool is_complete);
    /// Removes this host and those that are no better. False: nothing is left.
    bool drop_ourselves(std::vector<HostLookup>& lookups) const;
    void order_addresses(HostLookup& lookup);
    template <class T>
    void shuffle(std::vector<T>& items);

    dns::Resolver& resolver_;
    Random& random_;
    RouterSettings settings_;
    std::function<bool(const boost::asio::ip::address&)> is_own_address_;
};

}  // namespace mxpost::route
