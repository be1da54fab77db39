#include "route/sender_domain.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/ip/network_v4.hpp>

#include "route/domain_name.h"
#include "route/reverse_name.h"
#include "route/source_check.h"
#include "route/special_address.h"

namespace mxpost::route {

namespace asio = boost::asio;
namespace ip = boost::asio::ip;

namespace {

constexpr std::chrono::hours kGoodFor(1);
constexpr std::chrono::minutes kNothingFor(1);
constexpr std::array kPrivateNetworks = {
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "198.18.0.0/15",
    "240.0.0.0/4"};

bool is_in(const ip::address_v4& address, const char* network) {
    const ip::network_v4 wanted = ip::make_network_v4(network);
    return ip::network_v4(address, wanted.prefix_length()).canonical() == wanted;
}

}  // namespace

bool is_known_elsewhere(const ip::address& address) {
    const ip::address plain = unmapped(address);
    if (!why_unusable(plain).empty()) {
        return false;
    }
    if (plain.is_v6()) {
        return (plain.to_v6().to_bytes()[0] & 0xFEU) != 0xFCU;  // RFC 4193
    }
    const ip::address_v4 v4 = plain.to_v4();
    return std::ranges::none_of(kPrivateNetworks, [&](const char* network) {
        return is_in(v4, network);
    });
}

std::vector<ip::address> default_sources() {
    std::vector<ip::address> sources;
    for (const char* root_server : {"198.41.0.4", "2001:503:ba3e::2:30"}) {
        if (const auto source = source_to(ip::make_address(root_server), std::nullopt)) {
            sources.push_back(*source);
        }
    }
    return sources;
}

SenderDomain::SenderDomain(
    std::string configured,
    std::string helo_name,
    Sources sources,
    dns::Resolver& resolver,
    const Clock& clock
)
    : configured_(std::move(configured)),
      helo_name_(std::move(helo_name)),
      sources_(std::move(sources)),
      resolver_(resolver),
      clock_(clock) {}

asio::awaitable<std::string> SenderDomain::find() {
    if (is_configured()) {
        co_return configured_;
    }
    if (!helo_name_.empty()) {
        found_ = helo_name_;
        co_return found_;
    }
    if (fresh_until_ && clock_.steady_now() < *fresh_until_) {
        co_return found_;
    }
    std::string found;
    std::string literal;
    bool is_settled = true;
    const std::vector<ip::address> sources = sources_();
    for (const ip::address& source : sources) {
        if (!found.empty() || !is_known_elsewhere(source)) {
            continue;
        }
        // One that leads back: anybody can write a PTR record.
        const ReverseName name = co_await look_up_reverse_name(source, resolver_, clock_);
        is_settled &= name.is_settled;
        if (name.is_host_name_confirmed) {
            found = name.host_name;
        }
        if (literal.empty()) {
            literal = address_literal(source);
        }
    }
    const bool is_known = !found.empty();
    const bool keeps_name = !is_settled && has_name_;  // the DNS may have its name still
    if (is_known || !keeps_name) {
        found_ = is_known ? std::move(found) : std::move(literal);
        has_name_ = is_known;
    }
    const bool is_good = is_known || (is_settled && !found_.empty());
    fresh_until_ = clock_.steady_now();
    *fresh_until_ += is_good ? SteadyTime::duration(kGoodFor) : kNothingFor;
    co_return found_;
}

}  // namespace mxpost::route
