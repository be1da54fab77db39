#include "deliver/tls_policies.h"

namespace mxpost::deliver {

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
    for (const config::TlsPolicy& policy : settings.tls_policy) {
        const bool is_below = policy.domain.starts_with('.');
        if (is_below ? domain.ends_with(policy.domain) : domain == policy.domain) {
            return policy.level;
        }
    }
    return std::nullopt;
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
