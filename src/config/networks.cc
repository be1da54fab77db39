#include "config/networks.h"

#include <algorithm>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "base/text.h"
#include "config/values.h"

namespace mxpost::config {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kMappedBits = 96;

std::uint8_t mask_of_octet(unsigned prefix, std::size_t octet) {
    const auto before = static_cast<unsigned>(octet) * 8;
    if (prefix <= before) {
        return 0;
    }
    const unsigned bits = std::min(prefix - before, 8U);
    return static_cast<std::uint8_t>(0xff00U >> bits);
}

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    std::size_t at = 0;
    while ((at = text.find_first_not_of(", \t", at)) != std::string_view::npos) {
        const std::size_t end = std::min(text.find_first_of(", \t", at), text.size());
        words.push_back(text.substr(at, end - at));
        at = end;
    }
    return words;
}

Result<ListenAddress> parse_listen_address(std::string_view word) {
    Error bad =
        Error::invalid("addresses such as 127.0.0.1:25, [::1]:25 or the path of a Unix socket");
    ListenAddress result;
    if (word.starts_with('/')) {
        const auto path = parse_path(word);
        if (!path || path->size() >= sizeof(sockaddr_un::sun_path)) {
            return bad;
        }
        result.path = *path;
        return result;
    }
    std::string_view host = word;
    std::string_view port;
    if (const auto close = word.find(']'); word.starts_with('[') && close != word.npos) {
        host = word.substr(1, close - 1);
        port = word.substr(close + 1);
    } else if (std::ranges::count(word, ':') == 1) {
        host = word.substr(0, word.find(':'));
        port = word.substr(host.size());
    }
    const auto address = IpAddress::parse(host);
    if (!address) {
        return bad;
    }
    result.address = *address;
    if (!port.empty()) {
        const auto number =
            port.starts_with(':') ? parse_unsigned(port.substr(1)) : std::optional<std::uint64_t>();
        if (!number || *number == 0 || *number > 65535) {
            return bad;
        }
        result.port = static_cast<std::uint16_t>(*number);
    }
    return result;
}

Result<Network> parse_network(std::string_view word) {
    Error bad = Error::invalid("networks such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32");
    const std::size_t slash = std::min(word.find('/'), word.size());
    const auto address = IpAddress::parse(word.substr(0, slash));
    if (!address) {
        return bad;
    }
    const unsigned longest = address->is_ipv4() ? 32 : 128;
    Network network{*address, longest};
    if (slash < word.size()) {
        const auto length = parse_unsigned(word.substr(slash + 1));
        if (!length || *length > longest) {
            return bad;
        }
        network.prefix_length = static_cast<unsigned>(*length);
    }
    const unsigned bits = network.prefix_length + (address->is_ipv4() ? kMappedBits : 0);
    std::array<std::uint8_t, 16> base = address->octets();
    for (std::size_t i = 0; i < base.size(); ++i) {
        base[i] &= mask_of_octet(bits, i);
    }
    if (base != address->octets()) {
        return Error::invalid(
            "networks without further bits, such as " +
            Network{IpAddress(base), network.prefix_length}.text()
        );
    }
    return network;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    const std::string name(text);
    std::array<std::uint8_t, 16> octets{};
    if (::inet_pton(AF_INET6, name.c_str(), octets.data()) == 1) {
        return IpAddress(octets);
    }
    std::ranges::copy(kMappedPrefix, octets.begin());
    if (::inet_pton(AF_INET, name.c_str(), octets.data() + kMappedPrefix.size()) == 1) {
        return IpAddress(octets);
    }
    return std::nullopt;
}

bool IpAddress::is_ipv4() const {
    return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), octets_.begin());
}

bool IpAddress::is_loopback() const {
    if (is_ipv4()) {
        return octets_[kMappedPrefix.size()] == 127;
    }
    std::array<std::uint8_t, 16> loopback{};
    loopback.back() = 1;
    return octets_ == loopback;
}

std::string IpAddress::text() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (is_ipv4()) {
        ::inet_ntop(AF_INET, octets_.data() + kMappedPrefix.size(), text.data(), text.size());
    } else {
        ::inet_ntop(AF_INET6, octets_.data(), text.data(), text.size());
    }
    return text.data();
}

bool Network::contains(const IpAddress& client) const {
    if (client.is_ipv4() != address.is_ipv4()) {
        return false;
    }
    const unsigned bits = prefix_length + (address.is_ipv4() ? kMappedBits : 0);
    for (std::size_t i = 0; i < client.octets().size(); ++i) {
        const std::uint8_t mask = mask_of_octet(bits, i);
        if ((client.octets()[i] & mask) != (address.octets()[i] & mask)) {
            return false;
        }
    }
    return true;
}

std::string Network::text() const {
    return address.text() + "/" + std::to_string(prefix_length);
}

std::string ListenAddress::text() const {
    if (is_unix()) {
        return path;
    }
    const std::string host = address.is_ipv4() ? address.text() : "[" + address.text() + "]";
    return host + ":" + std::to_string(port);
}

Result<std::vector<ListenAddress>> parse_listen_addresses(std::string_view text) {
    std::vector<ListenAddress> addresses;
    for (const std::string_view word : words_of(text)) {
        auto address = parse_listen_address(word);
        if (!address) {
            return address.error();
        }
        if (std::ranges::find(addresses, *address) == addresses.end()) {
            addresses.push_back(std::move(*address));
        }
    }
    return addresses;
}

Result<std::vector<Network>> parse_networks(std::string_view text) {
    std::vector<Network> networks;
    for (const std::string_view word : words_of(text)) {
        auto network = parse_network(word);
        if (!network) {
            return network.error();
        }
        networks.push_back(*network);
    }
    return networks;
}

Result<void> check_reach(
    const std::vector<ListenAddress>& addresses, const std::vector<Network>& networks
) {
    const auto open = std::ranges::find_if(addresses, [](const ListenAddress& address) {
        return !address.is_local();
    });
    if (open == addresses.end() || !networks.empty()) {
        return {};
    }
    return Error::invalid(
        "listen: other hosts can reach " + open->text() +
        ", so relay-networks must say which of them may send through this one"
    );
}

std::vector<std::string> reach_warnings(const std::vector<Network>& networks) {
    // No registry gives anybody more than a /8, or a /16 of IPv6: such networks span the Internet.
    constexpr unsigned kWideIpv4 = 8;
    constexpr unsigned kWideIpv6 = 16;
    std::vector<std::string> lines;
    for (const Network& network : networks) {
        if (network.prefix_length < (network.address.is_ipv4() ? kWideIpv4 : kWideIpv6)) {
            lines.push_back(
                "relay-networks: " + network.text() +
                " lets strangers send through this host; others will refuse its mail"
            );
        }
    }
    return lines;
}

}  // namespace mxpost::config
