// Socket addresses as the settings know them, and who is at the other end of a connection.
#pragma once

#include <optional>
#include <string>

#include <sys/socket.h>
#include <sys/types.h>

#include "config/networks.h"

namespace mxpost::listen {

/// As system calls want it.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = sizeof(storage);

    const sockaddr* get() const;
    sockaddr* get();
};

SocketAddress socket_address(const config::ListenAddress& address);
/// Nothing for families that aren't ours.
std::optional<config::ListenAddress> listen_address(const SocketAddress& address);
/// What a socket is bound to.
std::optional<config::ListenAddress> local_address(int socket);

/// The client of an accepted connection.
struct Peer {
    std::optional<config::IpAddress> address;  // empty: a Unix socket, and `user` holds
    uid_t user = 0;  // from SO_PEERCRED: who connected, as the kernel knows

    /// "127.0.0.1", or "uid=1000": for logs.
    std::string text() const;
};

/// Nothing where the kernel doesn't say (the client may be gone already).
std::optional<Peer> peer_of(int socket);

}  // namespace mxpost::listen
