#include "deliver/tls_attempts.h"

#include <array>
#include <cstdio>

namespace mxpost::deliver {
namespace {

/// "3 1 1 0b9fa5a5…": as in a zone file (RFC 6698 2.2).
std::string text_of(const dns::TlsaRecord& record) {
    std::string text = std::to_string(record.usage) + " " + std::to_string(record.selector) + " " +
                       std::to_string(record.matching_type) + " ";
    for (const char octet : record.data) {
        std::array<char, 3> digits{};
        std::snprintf(
            digits.data(),
            digits.size(),
            "%02x",
            static_cast<unsigned>(static_cast<unsigned char>(octet))
        );
        text += digits.data();
    }
    return text;
}

std::shared_ptr<tls::AppliedPolicy> tlsa_policy(const std::string& domain) {
    auto policy = std::make_shared<tls::AppliedPolicy>();
    policy->type = tls::PolicyType::tlsa;
    policy->domain = domain;
    return policy;
}

std::shared_ptr<const tls::AppliedPolicy> policy_of(
    const std::string& domain, const smtp::Peer& peer
) {
    if (!peer.demand || peer.demand->use != tls::TlsUse::dane) {
        return peer.policy;
    }
    auto policy = tlsa_policy(domain);
    for (const dns::TlsaRecord& record : peer.demand->tlsa) {
        policy->lines.push_back(text_of(record));
    }
    return policy;
}

}  // namespace

std::optional<tls::TlsAttempt> tls_attempt(
    const NextHop& hop, const smtp::Peer& peer, const OpeningResult& result
) {
    const tls::TlsUse use = peer.demand ? peer.demand->use : hop.session.tls;
    if (hop.domain.empty() || use == tls::TlsUse::none) {
        return std::nullopt;
    }
    tls::TlsAttempt attempt;
    attempt.domain = hop.domain;
    attempt.policy = policy_of(hop.domain, peer);
    attempt.mx_host = peer.host;
    attempt.sending_ip = result.local_address;
    attempt.receiving_ip = peer.address.to_string();
    if (result.tls) {
        // Without a policy it is nobody's failure that a certificate is unknown (RFC 7435).
        if (attempt.policy) {
            attempt.failure = result.tls->failure;
            attempt.reason = result.tls->problem;
        }
    } else if (!result.tls_failure.empty() || peer.is_tls_broken) {
        attempt.failure = tls::Failure::validation_failure;
        attempt.reason =
            result.tls_failure.empty() ? "its TLS failed a while ago" : result.tls_failure;
    } else if (!result.trouble || result.trouble->step == mail::Step::start_tls) {
        attempt.failure = tls::Failure::starttls_not_supported;
    } else {
        return std::nullopt;
    }
    return attempt;
}

tls::TlsAttempt refused_attempt(
    const std::string& domain, const std::string& host, const tls::DaneVerdict& verdict
) {
    auto policy = tlsa_policy(domain);
    policy->failure = verdict.failure;
    policy->problem = verdict.problem;
    tls::TlsAttempt attempt;
    attempt.domain = domain;
    attempt.policy = std::move(policy);
    attempt.mx_host = host;
    return attempt;
}

std::shared_ptr<const tls::AppliedPolicy> unusable_policy(
    const std::string& domain, const tls::DaneVerdict& verdict
) {
    if (verdict.failure != tls::Failure::tlsa_invalid || !verdict.demand) {
        return nullptr;
    }
    auto policy = tlsa_policy(domain);
    policy->failure = verdict.failure;
    policy->problem = verdict.demand->source;
    return policy;
}

}  // namespace mxpost::deliver
