#include "route/own_addresses.h"

#include <cstring>
#include <ifaddrs.h>
#include <memory>

#include <netinet/in.h>
#include <sys/socket.h>

namespace mxpost::route {
namespace {

namespace ip = boost::asio::ip;

constexpr std::chrono::seconds kMaxAge(10);

struct ListDeleter {
    void operator()(ifaddrs* list) const { ::freeifaddrs(list); }
};

std::optional<ip::address> address_of(const ifaddrs& interface) {
    if (interface.ifa_addr == nullptr) {
        return std::nullopt;
    }
    if (interface.ifa_addr->sa_family == AF_INET) {
        sockaddr_in socket_address{};
        std::memcpy(&socket_address, interface.ifa_addr, sizeof socket_address);
        return ip::address_v4(ntohl(socket_address.sin_addr.s_addr));
    }
    if (interface.ifa_addr->sa_family == AF_INET6) {
        sockaddr_in6 socket_address{};
        std::memcpy(&socket_address, interface.ifa_addr, sizeof socket_address);
        ip::address_v6::bytes_type bytes;
        std::memcpy(bytes.data(), &socket_address.sin6_addr, bytes.size());
        return ip::address_v6(bytes);  // without scope: names in the DNS have none
    }
    return std::nullopt;
}

std::optional<std::set<ip::address>> read_interfaces() {
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) != 0) {
        return std::nullopt;
    }
    const std::unique_ptr<ifaddrs, ListDeleter> list(first);
    std::set<ip::address> addresses;
    for (const ifaddrs* interface = list.get(); interface != nullptr;
         interface = interface->ifa_next) {
        const auto address = address_of(*interface);
        if (address && !address->is_loopback()) {
            addresses.insert(*address);
        }
    }
    return addresses;
}

}  // namespace

bool InterfaceAddresses::contains(const ip::address& address) {
    const SteadyTime now = clock_.steady_now();
    if (!read_at_ || now - *read_at_ > kMaxAge) {
        if (auto addresses = read_interfaces()) {
            addresses_ = std::move(*addresses);
            read_at_ = now;
        }
    }
    return addresses_.contains(address);
}

}  // namespace mxpost::route
