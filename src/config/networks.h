// Addresses to listen on, and networks whose hosts may use them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mxpost::config {

/// An IP address in network order; IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so that a client has
/// one form however it came in.
class IpAddress {
public:
    IpAddress() = default;
    explicit IpAddress(const std::array<std::uint8_t, 16>& octets) : octets_(octets) {}

    /// "192.0.2.1" or "2001:db8::1"; nothing for any other text.
    static std::optional<IpAddress> parse(std::string_view text);

    const std::array<std::uint8_t, 16>& octets() const { return octets_; }
    bool is_ipv4() const;
    /// 127.0.0.0/8 or ::1.
    bool is_loopback() const;
    std::string text() const;
    friend bool operator==(const IpAddress&, const IpAddress&) = default;
    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

private:
    std::array<std::uint8_t, 16> octets_{};
};

/// "10.0.0.0/8", "2001:db8::/32". A network of one family has no address of the other.
struct Network {
    IpAddress address;
    unsigned prefix_length = 0;  // of its own family: at most 32 or 128

    bool contains(const IpAddress& client) const;
    std::string text() const;
    friend bool operator==(const Network&, const Network&) = default;
};

/// An address with a port, or the path of a Unix socket.
struct ListenAddress {
    std::string path;  // empty: IP
    IpAddress address;
    std::uint16_t port = 25;

    bool is_unix() const { return !path.empty(); }
    /// Nobody but this host can reach it.
    bool is_local() const { return is_unix() || address.is_loopback(); }
    /// As in the settings: "127.0.0.1:25", "[::1]:25", "/run/mxpost/submit.sock".
    std::string text() const;
    friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

/// Separated by commas or spaces: "127.0.0.1:25", "127.0.0.1", "[::1]:25", "::1", "/a/path".
Result<std::vector<ListenAddress>> parse_listen_addresses(std::string_view text);

/// Separated by commas or spaces; a single address is a network of its own. Bits behind the prefix
/// must be zero: "10.0.0.1/8" is more likely a mistake than a wish.
Result<std::vector<Network>> parse_networks(std::string_view text);

/// Nothing, or why these addresses can't be served: others could reach them, and no network is
/// named that may relay. An open relay by omission is what this is for.
Result<void> check_reach(
    const std::vector<ListenAddress>& addresses, const std::vector<Network>& networks
);

/// A line for each network that is so wide that it can hardly be meant.
std::vector<std::string> reach_warnings(const std::vector<Network>& networks);

}  // namespace mxpost::config
