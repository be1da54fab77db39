#include "deliver/tls_policies.h"

#include <algorithm>

#include "deliver/domain_pattern.h"
#include "route/special_address.h"

namespace mxpost::deliver {
namespace {

/// "[IPv6:2001:DB8::1]" is "[ipv6:2001:db8:0::1]".
bool is_same_literal(const std::string& a, const std::string& b) {
    const auto left = route::parse_address_literal(a);
    const auto right = route::parse_address_literal(b);
    return left && right && route::unmapped(*left) == route::unmapped(*right);
}

}  // namespace

tls::TlsUse tls_use(config::TlsLevel level) {
    switch (level) {
        case config::TlsLevel::none:
            return tls::TlsUse::none;
        case config::TlsLevel::encrypt:
            return tls::TlsUse::encrypt;
        case config::TlsLevel::verify:
            return tls::TlsUse::verify;
        case config::TlsLevel::dane:
            return tls::TlsUse::dane;
        case config::TlsLevel::may:
        case config::TlsLevel::no_downgrade:
            break;
    }
    return tls::TlsUse::may;
}

std::optional<config::TlsLevel> find_tls_policy(
    const config::Settings& settings, const std::string& domain
) {
    const auto policy = std::ranges::find_if(settings.tls_policy, [&](const auto& each) {
        return is_covered(domain, each.domain) || is_same_literal(domain, each.domain);
    });
    return policy == settings.tls_policy.end() ? std::nullopt : std::optional(policy->level);
}

const char* name_of(config::TlsLevel level) {
    switch (level) {
        case config::TlsLevel::none:
            return "none";
        case config::TlsLevel::may:
            return "may";
        case config::TlsLevel::no_downgrade:
            return "no-downgrade";
        case config::TlsLevel::encrypt:
            return "encrypt";
        case config::TlsLevel::verify:
            return "verify";
        case config::TlsLevel::dane:
            break;
    }
    return "dane";
}

}  // namespace mxpost::deliver
