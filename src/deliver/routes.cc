#include "deliver/routes.h"

#include <exception>
#include <utility>
#include <variant>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/text.h"
#include "deliver/tls_attempts.h"
#include "deliver/tls_demands.h"
#include "deliver/tls_policies.h"
#include "tls/dane_lookup.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kMaxLookUps = 50;  // domains at once; each asks several questions
constexpr std::size_t kMaxEntries = 10000;
// Short beside the TTLs that the resolver's own cache goes by: this one only spares the work of
// putting its answers together.
constexpr std::chrono::seconds kFoundFor{60};
constexpr std::chrono::seconds kFailedFor{10};
constexpr std::chrono::minutes kTidyEvery{10};

// RFC 3463 3.8: cryptography that is needed isn't there.
constexpr mail::EnhancedStatus kSecurityFailure{4, 7, 5};
constexpr mail::EnhancedStatus kDnsFailure{4, 4, 3};   // RFC 3463 3.5
constexpr mail::EnhancedStatus kSystemStops{4, 3, 2};  // RFC 3463 3.4

tls::DaneDomain dane_domain(const route::Route& route) {
    tls::DaneDomain domain;
    domain.name = route.domain;
    domain.canonical_name = route.canonical_domain;
    domain.is_secure = route.is_secure;
    for (const route::MxHost& host : route.hosts) {
        domain.hosts.emplace_back(host.name, host.canonical_name, host.is_secure);
    }
    return domain;
}

/// Sessions of a site are shared: who demands something of its hosts, or may not go to one at
/// present, is another site than who doesn't, and by DANE-TA each domain demands something else.
std::string site_suffix(const route::Route& route, const std::vector<tls::DaneVerdict>& verdicts) {
    std::string suffix;
    for (const tls::DaneVerdict& verdict : verdicts) {
        if (verdict.demand && verdict.demand->names.size() > 1) {
            return " dane=" + route.domain;
        }
        suffix = verdict.demand || !verdict.problem.empty() ? " dane" : suffix;
    }
    return suffix;
}

/// tls-policy says `dane`: hosts without TLSA records that can be used are no good.
void insist_on_dane(const route::Route& route, std::vector<tls::DaneVerdict>& dane) {
    for (std::size_t i = 0; i < dane.size(); ++i) {
        tls::DaneVerdict& verdict = dane[i];
        if (verdict.demand && verdict.demand->use == tls::TlsUse::dane) {
            auto demand = std::make_shared<tls::Demand>(*verdict.demand);
            demand->is_configured = true;
            verdict.demand = std::move(demand);
        } else if (verdict.problem.empty()) {
            verdict = tls::DaneVerdict(
                tls::Failure::dane_required,
                "tls-policy " + route.domain + ":dane, but " + route.hosts[i].name +
                    " has no TLSA records that DNSSEC covers and that can be used"
            );
        }
    }
}

std::size_t octets_of(const tls::Demand& demand) {
    std::size_t octets = sizeof(demand) + demand.source.size();
    for (const dns::TlsaRecord& record : demand.tlsa) {
        octets += sizeof(record) + record.data.size();
    }
    for (const std::string& name : demand.names) {
        octets += sizeof(name) + name.size();
    }
    return octets;
}

std::size_t octets_of(const tls::AppliedPolicy& policy) {
    std::size_t octets = sizeof(policy) + policy.domain.size() + policy.problem.size();
    for (const std::vector<std::string>* texts : {&policy.lines, &policy.mx}) {
        for (const std::string& text : *texts) {
            octets += sizeof(text) + text.size();
        }
    }
    return octets;
}

/// What neighbours have in common counts once.
std::size_t octets_of(const NextHopResult& result) {
    const auto* hop = std::get_if<NextHop>(&result);
    if (hop == nullptr) {
        return sizeof(result) + std::get<mail::RecipientOutcome>(result).text.size();
    }
    std::size_t octets = sizeof(result) + hop->domain.size() + hop->site.size();
    octets += hop->left_out ? hop->left_out->text.size() : 0;
    const smtp::Peer* before = nullptr;
    for (const smtp::Peer& peer : hop->peers) {
        octets += sizeof(peer) + peer.host.size();
        if (peer.demand && (before == nullptr || before->demand != peer.demand)) {
            octets += octets_of(*peer.demand);
        }
        if (peer.policy && (before == nullptr || before->policy != peer.policy)) {
            octets += octets_of(*peer.policy);
        }
        before = &peer;
    }
    return octets;
}

SteadyTime::duration keep_for(const NextHopResult& result) {
    return std::holds_alternative<NextHop>(result) ? kFoundFor : kFailedFor;
}

}  // namespace

namespace {

/// What the settings demand for this domain's mail. Domains with the same hosts and other demands
/// are another site: no session is shared.
void apply_policy(
    const config::Settings& settings, const std::string& domain, TlsWish wish, NextHop& hop
) {
    const auto level = find_tls_policy(settings, domain);
    hop.refuses_downgrade =
        wish != TlsWish::lenient && level.value_or(settings.tls) == config::TlsLevel::no_downgrade;
    if (wish == TlsWish::lenient) {
        hop.site += " lenient";
    }
    if (!level) {
        return;
    }
    hop.site += std::string(" tls=") + name_of(*level);
    if (*level == config::TlsLevel::dane) {
        return;  // each host has a demand of its own
    }
    auto demand = std::make_shared<tls::Demand>(tls_use(*level));
    demand->is_configured = true;
    demand->source = "tls-policy " + domain + ":" + name_of(*level);
    for (smtp::Peer& peer : hop.peers) {
        peer.demand = demand;
    }
}

}  // namespace

Routes::Routes(
    asio::any_io_executor executor,
    route::Router& router,
    smtp::SessionSettings session,
    const config::Settings& settings,
    const Clock& clock,
    dns::Resolver* dane
)
    : executor_(executor),
      router_(router),
      session_(std::move(session)),
      settings_(settings),
      clock_(clock),
      dane_(dane),
      look_ups_(std::move(executor), kMaxLookUps),
      tidied_(clock.steady_now()) {}

asio::awaitable<NextHopResult> Routes::find(std::string domain, bool is_urgent, TlsWish wish) {
    const bool is_lenient = wish == TlsWish::lenient;
    const std::string key = ascii_lower(domain) + (is_lenient ? " lenient" : "");
    for (bool has_waited = false;; has_waited = true) {
        Entry& entry = entries_[key];
        // What came while this one waited is as new as an answer of its own would be: of a thousand
        // urgent ones only the first asks.
        const bool is_good = entry.result && (!is_urgent || has_waited ||
                                              std::holds_alternative<NextHop>(*entry.result));
        if (is_good && clock_.steady_now() < entry.until) {
            co_return *entry.result;
        }
        if (!entry.is_asked_for) {
            break;
        }
        auto waiter =
            std::make_shared<asio::steady_timer>(executor_, asio::steady_timer::time_point::max());
        entry.waiters.push_back(waiter);
        co_await waiter->async_wait(asio::as_tuple(asio::use_awaitable));
    }
    entries_[key].is_asked_for = true;
    NextHopResult result;
    std::exception_ptr error;
    try {
        result = co_await ask(std::move(domain), wish);
    } catch (...) {
        error = std::current_exception();
    }
    // An entry that is asked for stays.
    Entry& entry = entries_[key];
    entry.is_asked_for = false;
    for (const auto& waiter : std::exchange(entry.waiters, {})) {
        waiter->cancel();
    }
    if (error) {
        std::rethrow_exception(error);
    }
    keep(entry, result);
    make_room();
    co_return result;
}

asio::awaitable<NextHopResult> Routes::ask(std::string domain, TlsWish wish) {
    const Semaphore::Permit permit = co_await look_ups_.acquire();
    if (is_stopping_) {
        co_return mail::RecipientOutcome(
            mail::OutcomeKind::deferred, kSystemStops, "the engine ended before it was asked for"
        );
    }
    StsQuestion sts(executor_, sts_, domain);
    const route::RouteResult routed = co_await router_.route(std::move(domain));
    if (const auto* outcome = std::get_if<mail::RecipientOutcome>(&routed)) {
        co_return *outcome;
    }
    const auto& route = std::get<route::Route>(routed);
    const auto level = find_tls_policy(settings_, route.domain);
    std::vector<tls::DaneVerdict> dane(route.hosts.size());
    if (heeds_dane(level, wish)) {
        tls::DaneDomain asked = dane_domain(route);
        dane = co_await tls::look_up_dane(*dane_, std::move(asked));
    }
    if (level == config::TlsLevel::dane) {
        insist_on_dane(route, dane);
    }
    for (std::size_t i = 0; reports_ != nullptr && i < dane.size(); ++i) {
        if (!dane[i].problem.empty()) {
            reports_->note(refused_attempt(route.domain, route.hosts[i].name, dane[i]));
        }
    }
    NextHopResult result = next_hop(route, dane);
    if (auto* hop = std::get_if<NextHop>(&result)) {
        // What is configured for this domain, and "TLS-Required: No" (RFC 8689 5), count instead.
        if (!level && wish != TlsWish::lenient) {
            const tls::StsVerdict policy = co_await sts.answer();
            if (auto refusal = demand_sts(*hop, route.domain, policy, reports_)) {
                co_return std::move(*refusal);
            }
        }
        apply_policy(settings_, route.domain, wish, *hop);
    }
    co_return result;
}

/// What the administrator says of a domain comes first; what it publishes binds those who neither
/// they nor the sender have said otherwise.
bool Routes::heeds_dane(std::optional<config::TlsLevel> level, TlsWish wish) const {
    if (dane_ == nullptr) {
        return false;
    }
    if (level) {
        return *level == config::TlsLevel::dane;
    }
    return settings_.dane && session_.tls != tls::TlsUse::none && wish != TlsWish::lenient;
}

NextHopResult Routes::next_hop(const route::Route& route, const std::vector<tls::DaneVerdict>& dane)
    const {
    NextHop hop;
    hop.domain = route.domain;
    hop.site = route.site + site_suffix(route, dane);
    hop.session = session_;
    hop.is_authentic = route.is_secure;
    if (!route.problem.empty()) {
        hop.left_out.emplace(mail::OutcomeKind::deferred, kDnsFailure, route.problem);
    }
    for (std::size_t i = 0; i < route.hosts.size(); ++i) {
        const route::MxHost& host = route.hosts[i];
        if (!dane[i].problem.empty()) {
            if (!hop.left_out) {
                hop.left_out.emplace(
                    mail::OutcomeKind::deferred, kSecurityFailure, dane[i].problem
                );
            }
            continue;
        }
        // Unusable TLSA records ask for encryption, of whom `tls` may ask for more.
        const bool is_outdone = dane[i].demand && dane[i].demand->use == tls::TlsUse::encrypt &&
                                session_.tls == tls::TlsUse::verify;
        const auto unusable = unusable_policy(route.domain, dane[i]);
        for (const asio::ip::address& address : host.addresses) {
            smtp::Peer& peer = hop.peers.emplace_back(host.name, address);
            peer.preference = host.preference;
            peer.demand = is_outdone ? nullptr : dane[i].demand;
            peer.policy = unusable;
        }
    }
    if (hop.peers.empty() && hop.left_out) {
        return *hop.left_out;
    }
    return hop;
}

const std::string* Routes::known_site(const std::string& domain) const {
    const auto found = entries_.find(domain);
    if (found == entries_.end() || !found->second.result) {
        return nullptr;
    }
    const auto* hop = std::get_if<NextHop>(&*found->second.result);
    return hop == nullptr ? nullptr : &hop->site;
}

void Routes::keep(Entry& entry, const NextHopResult& result) {
    octets_ -= entry.octets;
    entry.result = result;
    entry.octets = octets_of(result);
    octets_ += entry.octets;
    entry.until = clock_.steady_now() + keep_for(result);
}

void Routes::make_room() {
    const auto is_full = [this] { return entries_.size() > kMaxEntries || octets_ > kMaxOctets; };
    const SteadyTime now = clock_.steady_now();
    if (is_full() || now - tidied_ >= kTidyEvery) {
        tidied_ = now;
        erase_if([now](const Entry& entry) { return entry.until <= now; });
    }
    if (is_full()) {
        erase_if([](const Entry&) { return true; });  // seldom, and all of it is soon found again
    }
}

void Routes::erase_if(const std::function<bool(const Entry&)>& may_go) {
    std::erase_if(entries_, [&](const auto& entry) {
        const bool is_erased = !entry.second.is_asked_for && may_go(entry.second);
        octets_ -= is_erased ? entry.second.octets : 0;
        return is_erased;
    });
}

}  // namespace mxpost::deliver
