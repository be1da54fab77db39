#include "deliver/relay.h"

#include <algorithm>
#include <utility>

#include <sys/stat.h>

#include "config/relay.h"
#include "deliver/domain_pattern.h"
#include "deliver/named_host.h"
#include "deliver/relay_server.h"
#include "deliver/services.h"
#include "route/domain_name.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

constexpr mail::EnhancedStatus kDnsFailure{4, 4, 3};  // RFC 3463 3.5

constexpr std::chrono::minutes kAfterRefusedLogin{10};
constexpr std::chrono::minutes kComplainAgain{10};

/// What config::is_relayed() says, which doesn't know that a domain may be written in two ways.
bool is_relayed(const config::Settings& settings, const std::string& domain) {
    const std::string form = dns_form(domain);
    return config::is_relayed(settings, domain) ||
           std::ranges::any_of(settings.relay_for, [&](const std::string& entry) {
               return is_covered(form, entry);
           });
}

}  // namespace

std::unique_ptr<Relay> Relay::make(
    const config::Settings& settings,
    const TrustedUser& trusted,
    bool is_system_engine,
    PortWatch& watch
) {
    const auto server = config::HostPort::parse(settings.relay);
    if (!server) {
        return nullptr;  // settings are checked when they are read: none is set
    }
    return std::unique_ptr<Relay>(new Relay(settings, *server, trusted, is_system_engine, watch));
}

Relay::Relay(
    const config::Settings& settings,
    config::HostPort server,
    const TrustedUser& trusted,
    bool is_system_engine,
    PortWatch& watch
)
    : settings_(settings),
      server_(std::move(server)),
      trusted_(trusted),
      is_system_engine_(is_system_engine),
      watch_(watch) {}

// Who goes by it

Way Relay::choose(const std::string& domain, SteadyTime now) {
    if (is_relayed(settings_, domain)) {
        return Way::relay;
    }
    const bool is_instead = is_fallback() && watch_.is_blocked() && !watch_.take_probe(now);
    return is_instead ? Way::relay : Way::direct;
}

// The way there

asio::awaitable<NextHopResult> Relay::find(Services& services) {
    NextHop hop;
    hop.session = services.session;
    hop.site = "relay " + settings_.relay;
    if (const auto refused = prepare_session(services, hop.session)) {
        co_return *refused;
    }
    const std::uint16_t port = config::relay_port(server_);
    if (config::has_mx_lookup(settings_, server_)) {
        const route::RouteResult routed = co_await services.router.route(server_.host);
        if (const auto* outcome = std::get_if<mail::RecipientOutcome>(&routed)) {
            auto status = outcome->status;
            status.klass = 4;
            co_return complain(services, status, outcome->text);
        }
        const auto& route = std::get<route::Route>(routed);
        hop.is_authentic = route.is_secure;
        if (!route.problem.empty()) {
            hop.left_out.emplace(mail::OutcomeKind::deferred, kDnsFailure, route.problem);
        }
        for (const route::MxHost& host : route.hosts) {
            for (const asio::ip::address& address : host.addresses) {
                hop.peers.emplace_back(host.name, address, port).preference = host.preference;
            }
        }
        co_return hop;
    }
    hop.is_authentic = true;  // the administrator has named it
    const auto addresses = co_await addresses_of(server_.host, services);
    if (!addresses) {
        co_return complain(services, {4, 4, 3}, addresses.error().message());
    }
    // The name in a certificate is the DNS's.
    const std::string host = route::to_a_labels(server_.host).value_or(server_.host);
    for (const asio::ip::address& address : *addresses) {
        // On another port somebody else may listen: a tunnel, another mail server.
        if (port != config::kSmtpPort || !services.router.is_own_address(address)) {
            hop.peers.emplace_back(host, address, port);
        }
    }
    if (hop.peers.empty()) {
        co_return complain(services, {4, 4, 6}, "it is this host itself: mail would go in circles");
    }
    co_return hop;
}

/// An outcome: it must not be tried.
std::optional<mail::RecipientOutcome> Relay::prepare_session(
    Services& services, smtp::SessionSettings& session
) {
    adapt_to_relay(settings_, server_, session);
    if (refusal_ && services.clock.steady_now() < refusal_->until &&
        refusal_->file_state == state_of_credentials()) {
        return mail::RecipientOutcome(
            mail::OutcomeKind::deferred, {4, 7, 8}, refusal_->text + " (not tried again so soon)"
        );
    }
    if (const auto problem = add_relay_credentials(settings_, trusted_, services.random, session)) {
        if (problem->is_forbidden && !is_system_engine_) {
            return mail::RecipientOutcome(
                mail::OutcomeKind::deferred,
                {4, 7, 0},
                "waits for the system engine, which can read the relay's credentials in " +
                    settings_.relay_credentials + " (systemctl enable --now mxpost)"
            );
        }
        return complain(services, {4, 3, 5}, problem->text);
    }
    return std::nullopt;
}

// Trouble

/// For whoever looks at the log, once in a while; and for mailq.
mail::RecipientOutcome Relay::complain(
    Services& services, mail::EnhancedStatus status, std::string text
) {
    text = "relay " + settings_.relay + ": " + text;
    const SteadyTime now = services.clock.steady_now();
    if (text != complaint_ || now - complained_at_ >= kComplainAgain) {
        services.log.error(text + "; mail for it waits");
        complaint_ = text;
        complained_at_ = now;
    }
    return {mail::OutcomeKind::deferred, status, text};
}

void Relay::credentials_refused(Services& services, const mail::RecipientOutcome& outcome) {
    const std::string said = mail::reply_text(outcome);
    refusal_ = Refusal{
        services.clock.steady_now() + kAfterRefusedLogin,
        state_of_credentials(),
        "relay " + settings_.relay + " refused user or password: " + said};
    (void)complain(
        services,
        outcome.status,
        "it refuses the user or password in " + settings_.relay_credentials + ": " + said
    );
}

/// Changes when the file does.
std::string Relay::state_of_credentials() const {
    struct stat status {};
    if (::stat(settings_.relay_credentials.c_str(), &status) != 0) {
        return {};
    }
    return std::to_string(status.st_ino) + " " + std::to_string(status.st_mtim.tv_sec) + "." +
           std::to_string(status.st_mtim.tv_nsec);
}

asio::awaitable<NextHopResult> RelayDestination::find() {
    co_return co_await relay_.find(services_);
}

void RelayDestination::credentials_refused(const mail::RecipientOutcome& outcome) {
    relay_.credentials_refused(services_, outcome);
}

}  // namespace mxpost::deliver
