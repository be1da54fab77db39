#include "listen/peer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace mxpost::listen {
namespace {

using config::IpAddress;
using config::ListenAddress;

constexpr std::size_t kIpv4At = 12;  // in an IpAddress

template <class Address>
void store(SocketAddress& result, const Address& address, std::size_t size) {
    static_assert(sizeof(Address) <= sizeof(sockaddr_storage));
    std::memcpy(&result.storage, &address, sizeof(address));
    result.size = static_cast<socklen_t>(size);
}

template <class Address>
Address load(const SocketAddress& from) {
    Address address{};
    std::memcpy(&address, &from.storage, sizeof(address));
    return address;
}

IpAddress from_ipv4(const in_addr& address) {
    std::array<std::uint8_t, 16> octets{};
    octets[10] = octets[11] = 0xff;
    std::memcpy(octets.data() + kIpv4At, &address, sizeof(address));
    return IpAddress(octets);
}

IpAddress from_ipv6(const in6_addr& address) {
    std::array<std::uint8_t, 16> octets{};
    std::memcpy(octets.data(), &address, sizeof(address));
    return IpAddress(octets);  // a mapped IPv4 address is one, by IpAddress's own form
}

}  // namespace

const sockaddr* SocketAddress::get() const {
    return std::bit_cast<const sockaddr*>(&storage);
}

sockaddr* SocketAddress::get() {
    return std::bit_cast<sockaddr*>(&storage);
}

SocketAddress socket_address(const ListenAddress& address) {
    SocketAddress result;
    if (address.is_unix()) {
        sockaddr_un path{};
        path.sun_family = AF_UNIX;
        const std::size_t length = std::min(address.path.size(), sizeof(path.sun_path) - 1);
        std::memcpy(static_cast<char*>(path.sun_path), address.path.data(), length);
        store(result, path, offsetof(sockaddr_un, sun_path) + length + 1);
    } else if (address.address.is_ipv4()) {
        sockaddr_in ipv4{};
        ipv4.sin_family = AF_INET;
        ipv4.sin_port = htons(address.port);
        std::memcpy(
            &ipv4.sin_addr, address.address.octets().data() + kIpv4At, sizeof(ipv4.sin_addr)
        );
        store(result, ipv4, sizeof(ipv4));
    } else {
        sockaddr_in6 ipv6{};
        ipv6.sin6_family = AF_INET6;
        ipv6.sin6_port = htons(address.port);
        std::memcpy(&ipv6.sin6_addr, address.address.octets().data(), sizeof(ipv6.sin6_addr));
        store(result, ipv6, sizeof(ipv6));
    }
    return result;
}

std::optional<ListenAddress> listen_address(const SocketAddress& address) {
    ListenAddress result;
    switch (address.storage.ss_family) {
        case AF_INET: {
            const auto ipv4 = load<sockaddr_in>(address);
            result.address = from_ipv4(ipv4.sin_addr);
            result.port = ntohs(ipv4.sin_port);
            return result;
        }
        case AF_INET6: {
            const auto ipv6 = load<sockaddr_in6>(address);
            result.address = from_ipv6(ipv6.sin6_addr);
            result.port = ntohs(ipv6.sin6_port);
            return result;
        }
        case AF_UNIX: {
            const auto path = load<sockaddr_un>(address);
            const std::string name(static_cast<const char*>(path.sun_path));
            result.path = name.empty() ? "unnamed" : name;  // an abstract or an unbound one
            return result;
        }
        default:
            return std::nullopt;
    }
}

std::optional<ListenAddress> local_address(int socket) {
    SocketAddress address;
    if (::getsockname(socket, address.get(), &address.size) != 0) {
        return std::nullopt;
    }
    return listen_address(address);
}

std::string Peer::text() const {
    return address ? address->text() : "uid=" + std::to_string(user);
}

std::optional<Peer> peer_of(int socket) {
    SocketAddress address;
    if (::getpeername(socket, address.get(), &address.size) != 0) {
        return std::nullopt;
    }
    const auto found = listen_address(address);
    if (!found) {
        return std::nullopt;
    }
    Peer peer;
    if (!found->is_unix()) {
        peer.address = found->address;
        return peer;
    }
    ucred credentials{};
    socklen_t size = sizeof(credentials);
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0 ||
        size != sizeof(credentials)) {
        return std::nullopt;
    }
    peer.user = credentials.uid;
    return peer;
}

}  // namespace mxpost::listen
