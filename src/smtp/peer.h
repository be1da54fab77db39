// Peer: the address of one mail server, and the name that it is known by.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/ip/address.hpp>

#include "tls/demand.h"
#include "tls/report_log.h"

namespace mxpost::smtp {

struct Peer {
    Peer() = default;
    Peer(std::string host_, boost::asio::ip::address address_, std::uint16_t port_ = 25)
        : host(std::move(host_)), address(std::move(address_)), port(port_) {}

    /// A Unix socket; outcomes call it `host`.
    static Peer at_path(std::string host, std::string path) {
        Peer peer;
        peer.host = std::move(host);
        peer.path = std::move(path);
        peer.port = 0;
        return peer;
    }
    /// "mx.example.com[192.0.2.1]:25"; a Unix socket's is its host alone.
    std::string text() const;
    bool is_ipv6() const { return path.empty() && address.is_v6(); }
    bool operator==(const Peer&) const = default;

    std::string host;  // MX host name (SNI, certificate, outcomes), or the address as text
    boost::asio::ip::address address;
    std::uint16_t port = 25;
    std::string path;  // not empty: a Unix socket, whose address and port mean nothing
    /// Of the MX record, lower is better. Peers of one preference are as good as each other.
    std::uint16_t preference = 0;
    /// Null: as SessionSettings::tls says.
    std::shared_ptr<const tls::Demand> demand;
    /// For reports: what was published about TLS with it. Null: nothing.
    std::shared_ptr<const tls::AppliedPolicy> policy;
    /// TLS with it came to nothing lately: where `may` is enough, mail goes in clear at once.
    bool is_tls_broken = false;
};

}  // namespace mxpost::smtp
