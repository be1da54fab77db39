#include "deliver/tls_demands.h"

#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "route/domain_name.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

// RFC 3463 3.8: the security that is needed can't be had.
constexpr mail::EnhancedStatus kSecurityFailure{4, 7, 5};

tls::AppliedPolicy applied_policy(const std::string& domain, const tls::StsVerdict& verdict) {
    tls::AppliedPolicy policy;
    policy.type = tls::PolicyType::sts;
    policy.domain = domain;
    policy.failure = verdict.failure;
    policy.problem = verdict.problem;
    if (verdict.policy) {
        policy.lines = tls::lines_of(*verdict.policy);
        policy.mx = verdict.policy->mx;
    }
    return policy;
}

/// For a host that the policy doesn't name.
std::shared_ptr<const tls::AppliedPolicy> not_named(
    const tls::AppliedPolicy& policy, const std::string& host
) {
    auto broken = std::make_shared<tls::AppliedPolicy>(policy);
    broken->failure = tls::Failure::validation_failure;
    broken->problem = "the MTA-STS policy of " + policy.domain + " doesn't name " + host;
    return broken;
}

std::shared_ptr<const tls::Demand> demand_of(const std::string& domain, const std::string& host) {
    auto demand = std::make_shared<tls::Demand>(tls::TlsUse::verify);
    demand->names = {host};
    demand->source = "the MTA-STS policy of " + domain;
    return demand;
}

/// DANE goes first (RFC 8461 2), and so does tls-policy. TLSA records that can't be used only ask
/// for encryption (RFC 7672 2.2), of which the policy wants more.
bool is_open(const smtp::Peer& peer) {
    return !peer.demand ||
           (peer.demand->use == tls::TlsUse::encrypt && !peer.demand->is_configured);
}

void note_refused(
    tls::ReportLog* reports, const tls::AppliedPolicy& policy, const smtp::Peer& peer
) {
    if (reports != nullptr) {
        tls::TlsAttempt attempt;
        attempt.domain = policy.domain;
        attempt.policy = not_named(policy, peer.host);
        attempt.mx_host = peer.host;
        attempt.receiving_ip = peer.address.to_string();
        reports->note(attempt);
    }
}

}  // namespace

struct StsQuestion::State {
    explicit State(const asio::any_io_executor& executor)
        : done(executor, asio::steady_timer::time_point::max()) {}

    asio::steady_timer done;  // cancelled with the answer
    std::optional<tls::StsVerdict> verdict;
    bool is_over = false;
};

StsQuestion::StsQuestion(
    const asio::any_io_executor& executor, tls::StsCache* cache, const std::string& domain
) {
    const auto name = cache == nullptr || route::is_address_literal(domain)
                          ? Result<std::string>(Error())
                          : route::to_a_labels(domain);
    if (!name) {
        return;
    }
    state_ = std::make_shared<State>(executor);
    asio::co_spawn(
        executor,
        cache->find(*name),
        [state = state_](const std::exception_ptr& error, tls::StsVerdict verdict) {
            if (!error) {
                state->verdict = std::move(verdict);
            }
            state->is_over = true;
            state->done.cancel();
        }
    );
}

asio::awaitable<tls::StsVerdict> StsQuestion::answer() {
    const std::shared_ptr<State> state = state_;
    if (!state) {
        co_return tls::StsVerdict();
    }
    if (!state->is_over) {
        co_await state->done.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return state->verdict.value_or(tls::StsVerdict());
}

std::optional<mail::RecipientOutcome> demand_sts(
    NextHop& hop, const std::string& domain, const tls::StsVerdict& verdict, tls::ReportLog* reports
) {
    if (!verdict.policy && verdict.failure == tls::Failure::none) {
        return std::nullopt;
    }
    const auto policy = std::make_shared<const tls::AppliedPolicy>(applied_policy(domain, verdict));
    const bool is_enforced = verdict.policy && verdict.policy->mode == tls::StsMode::enforce;
    std::vector<smtp::Peer> kept;
    std::string refused;
    for (smtp::Peer& peer : hop.peers) {
        if (is_open(peer)) {
            const bool is_good = !verdict.policy || tls::is_named(*verdict.policy, peer.host);
            if (is_enforced && !is_good) {
                refused = refused.empty() ? peer.host : refused;
                note_refused(reports, *policy, peer);
                continue;
            }
            peer.policy = is_good ? policy : not_named(*policy, peer.host);
            if (is_enforced) {
                peer.demand = demand_of(domain, peer.host);
            }
        }
        kept.push_back(std::move(peer));
    }
    if (is_enforced) {
        // Sessions of a site are shared: not with domains that don't demand this, nor where other
        // hosts of the site are good enough.
        hop.site += refused.empty() ? " mta-sts" : " mta-sts=" + domain;
        hop.is_authentic = true;
    }
    if (!refused.empty() && !hop.left_out) {
        hop.left_out.emplace(
            mail::OutcomeKind::deferred,
            kSecurityFailure,
            "the MTA-STS policy of " + domain + " doesn't name " + refused
        );
    }
    hop.peers = std::move(kept);
    if (hop.peers.empty()) {
        return mail::RecipientOutcome(
            mail::OutcomeKind::deferred,
            kSecurityFailure,
            "the MTA-STS policy of " + domain + " names none of its mail servers (" + refused +
                " isn't named)"
        );
    }
    return std::nullopt;
}

}  // namespace mxpost::deliver
