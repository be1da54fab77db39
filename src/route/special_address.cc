#include "route/special_address.h"

#include <algorithm>

namespace mxpost::route {
namespace {

namespace ip = boost::asio::ip;

std::string_view why_unusable_v4(const ip::address_v4& address) {
    const auto bytes = address.to_bytes();
    if (bytes[0] == 0) {
        return "an unspecified address";  // 0.0.0.0/8 reaches this host on Linux
    }
    if (bytes[0] == 127) {
        return "a loopback address";
    }
    if (address.is_multicast()) {
        return "a multicast address";
    }
    if (address == ip::address_v4::broadcast()) {
        return "the broadcast address";
    }
    return {};
}

/// ::/96, the deprecated IPv4-compatible addresses (RFC 4291 2.5.5.1), which include :: and ::1.
bool starts_with_zeros(const ip::address_v6& address) {
    const auto bytes = address.to_bytes();
    return std::all_of(bytes.begin(), bytes.begin() + 12, [](auto byte) { return byte == 0; });
}

}  // namespace

ip::address unmapped(const ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return ip::make_address_v4(ip::v4_mapped, address.to_v6());
    }
    return address;
}

std::string_view why_unusable(const ip::address& address) {
    const ip::address plain = unmapped(address);
    if (plain.is_v4()) {
        return why_unusable_v4(plain.to_v4());
    }
    const ip::address_v6 v6 = plain.to_v6();
    if (v6.is_loopback()) {
        return "a loopback address";
    }
    if (starts_with_zeros(v6)) {
        return "an unspecified address";
    }
    if (v6.is_multicast()) {
        return "a multicast address";
    }
    if (v6.is_link_local()) {
        return "a link-local address";  // means nothing without an interface
    }
    return {};
}

}  // namespace mxpost::route
