#include "route/host_name.h"

#include <algorithm>

#include "base/text.h"
#include "route/domain_name.h"

namespace mxpost::route {
namespace {

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

std::string without_dot(std::string name) {
    if (name.ends_with('.')) {
        name.pop_back();
    }
    return name;
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

boost::asio::awaitable<std::string> helo_name(
    std::string configured,
    std::string host_name,
    boost::asio::ip::address source,
    dns::Resolver& resolver
) {
    configured = without_dot(std::move(configured));
    if (is_valid_helo_name(configured) || parse_address_literal(configured)) {
        co_return configured;
    }
    host_name = without_dot(std::move(host_name));
    if (is_valid_helo_name(host_name)) {
        co_return host_name;
    }
    dns::Answer<std::string> names = co_await resolver.ptr(source);
    // The order of records changes from answer to answer; the name should not.
    std::sort(names.records.begin(), names.records.end());
    const auto valid = std::find_if(names.records.begin(), names.records.end(), is_valid_helo_name);
    if (valid != names.records.end()) {
        co_return *valid;
    }
    co_return address_literal(source);
}

}  // namespace mxpost::route
