#include "listen/gate.h"

#include <algorithm>
#include <array>

namespace mxpost::listen {
namespace {

constexpr std::chrono::minutes kMinute{1};
/// Clients that are remembered without a connection, for their rates.
constexpr std::size_t kMostIdleClients = 10'000;

}  // namespace

bool may_relay(const config::IpAddress& client, const std::vector<config::Network>& networks) {
    return client.is_loopback() || std::ranges::any_of(networks, [&](const auto& network) {
               return network.contains(client);
           });
}

std::string client_key(const config::IpAddress& address) {
    if (address.is_ipv4()) {
        // All of 127.0.0.0/8 is everybody's on this host.
        return address.is_loopback() ? "127.0.0.1" : address.text();
    }
    if (address.is_loopback()) {
        return address.text();
    }
    auto octets = address.octets();
    std::fill(octets.begin() + 8, octets.end(), std::uint8_t{0});
    return config::IpAddress(octets).text() + "/64";
}

std::string client_key(uid_t user) {
    return "uid=" + std::to_string(user);
}

Gate::Verdict Gate::admit(const std::string& client, SteadyTime now) {
    if (connections_ >= limits_.max_connections) {
        return Verdict::full;
    }
    Client& entry = client_of(client, now);
    if (entry.connections >= limits_.max_connections_per_client) {
        return Verdict::too_many;
    }
    if (limits_.connection_rate != 0 && entry.connected >= limits_.connection_rate) {
        return Verdict::too_quickly;
    }
    ++entry.connected;
    ++entry.connections;
    ++connections_;
    return Verdict::admitted;
}

void Gate::leave(const std::string& client) {
    --connections_;
    const auto found = clients_.find(client);
    --found->second.connections;
    const bool has_rate = limits_.connection_rate != 0 || limits_.message_rate != 0;
    if (found->second.connections == 0 && !has_rate) {
        clients_.erase(found);
    }
}

bool Gate::may_send(const std::string& client, SteadyTime now) {
    if (limits_.message_rate == 0) {
        return true;
    }
    Client& entry = client_of(client, now);
    if (entry.sent >= limits_.message_rate) {
        return false;
    }
    ++entry.sent;
    return true;
}

bool Gate::reserve(std::size_t octets) {
    if (octets > kMostReserved - reserved_) {
        return false;
    }
    reserved_ += octets;
    return true;
}

Gate::Client& Gate::client_of(const std::string& name, SteadyTime now) {
    if (clients_.size() >= limits_.max_connections + kMostIdleClients) {
        forget_idle(now);
    }
    const auto [found, is_new] = clients_.try_emplace(name);
    Client& entry = found->second;
    if (is_new || now - entry.minute_begun >= kMinute) {
        entry.minute_begun = now;
        entry.connected = 0;
        entry.sent = 0;
    }
    return entry;
}

/// Those whose minute is over; where that is nobody, everybody: memory is worth more than a rate.
void Gate::forget_idle(SteadyTime now) {
    const auto has_expired = [&](const auto& entry) {
        return entry.second.connections == 0 && now - entry.second.minute_begun >= kMinute;
    };
    if (std::erase_if(clients_, has_expired) == 0) {
        std::erase_if(clients_, [](const auto& entry) { return entry.second.connections == 0; });
    }
}

}  // namespace mxpost::listen
