#include "route/host_name.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/text.h"
#include "dns/private_domains.h"
#include "route/domain_name.h"
#include "route/sender_domain.h"
#include "route/special_address.h"

namespace mxpost::route {
namespace {

constexpr std::chrono::seconds kPatience(5);

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_letter_digit_hyphen(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-';
}

bool is_label(std::string_view label) {
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(), is_letter_digit_hyphen);
}

/// In lower case, without trailing dot; empty where it is neither a valid name nor a literal.
std::string usable(std::string name) {
    if (parse_address_literal(name)) {
        return name;
    }
    if (name.ends_with('.')) {
        name.pop_back();
    }
    return is_valid_helo_name(name) ? ascii_lower(name) : std::string();
}

}  // namespace

bool is_valid_helo_name(std::string_view name) {
    const auto labels = split(name, '.');
    if (name.size() > 253 || labels.size() < 2 ||
        !std::all_of(labels.begin(), labels.end(), is_label)) {
        return false;
    }
    const std::string_view top = labels.back();
    return !std::all_of(top.begin(), top.end(), is_digit) && !ascii_iequals(top, "localhost") &&
           !ascii_iequals(top, "localdomain");
}

bool is_private_name(std::string_view name) {
    const std::string lower = ascii_lower(name);
    return std::ranges::any_of(dns::kPrivateDomains, [&](std::string_view domain) {
        return lower.ends_with(domain);
    });
}

HeloName::HeloName(std::string configured, std::string host_name, ReverseNames& names)
    : configured_(usable(std::move(configured))),
      host_name_(usable(std::move(host_name))),
      names_(names) {}

boost::asio::awaitable<std::string> HeloName::find(boost::asio::ip::address source) {
    source = unmapped(source);
    if (!configured_.empty()) {
        co_return configured_;
    }
    if (!host_name_.empty() && !is_private_name(host_name_)) {
        co_return host_name_;
    }
    const ReverseName reverse = co_await names_.find(source, kPatience);
    if (!reverse.host_name.empty() &&
        (reverse.is_host_name_confirmed || !is_private_name(reverse.host_name))) {
        co_return reverse.host_name;
    }
    if (!host_name_.empty() && !is_known_elsewhere(source)) {
        co_return host_name_;
    }
    co_return address_literal(source);
}

std::string HeloName::find_for_socket() const {
    return !configured_.empty() ? configured_ : !host_name_.empty() ? host_name_ : "localhost";
}

}  // namespace mxpost::route
