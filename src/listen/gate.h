// Gate: who may connect and how much each client may do. Pure: it takes the time and does no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "config/networks.h"

namespace mxpost::listen {

/// This host itself, or one of the networks that the administrator has named. The only thing that
/// makes a client one of ours: see SECURITY.md.
bool may_relay(const config::IpAddress& client, const std::vector<config::Network>& networks);

/// What counts as one client: an IPv4 address, an IPv6 network of 64 bits (that is what one host
/// gets), or a user of this host.
std::string client_key(const config::IpAddress& address);
std::string client_key(uid_t user);

struct GateLimits {
    std::uint64_t max_connections = 0;
    std::uint64_t max_connections_per_client = 0;
    std::uint64_t connection_rate = 0;  // of one client, in a minute; 0: no limit
    std::uint64_t message_rate = 0;     // the same
};

class Gate {
public:
    /// What 100 recipients take at most (RFC 5321 4.5.3.1.8), and 1,000 connections bear.
    static constexpr std::size_t kAlwaysReserved = 64U << 10;
    static constexpr std::size_t kMostReserved = 64U << 20;

    enum class Verdict : std::uint8_t {
        admitted,
        full,        // too many connections of all clients
        too_many,    // too many of this one
        too_quickly  // its rate
    };

    explicit Gate(GateLimits limits) : limits_(limits) {}

    /// An admitted connection must leave().
    Verdict admit(const std::string& client, SteadyTime now);
    void leave(const std::string& client);
    /// Counts a message; false: not now.
    bool may_send(const std::string& client, SteadyTime now);

    /// Memory for the envelopes of transactions under way, of all clients; false: there is none,
    /// for now. A transaction's first kAlwaysReserved octets aren't asked for.
    bool reserve(std::size_t octets);
    void release(std::size_t octets) { reserved_ -= octets; }

    std::size_t connections() const { return connections_; }
    /// So many connections that idle ones have to go sooner.
    bool is_crowded() const { return connections_ >= limits_.max_connections * 3 / 4; }

private:
    struct Client {
        std::uint64_t connections = 0;  // open
        SteadyTime minute_begun;
        std::uint64_t connected = 0;  // in that minute
        std::uint64_t sent = 0;       // the same
    };
    Client& client_of(const std::string& name, SteadyTime now);
    void forget_idle(SteadyTime now);

    GateLimits limits_;
    std::size_t connections_ = 0;
    std::size_t reserved_ = 0;
    std::unordered_map<std::string, Client> clients_;
};

}  // namespace mxpost::listen
