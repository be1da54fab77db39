#include "deliver/relay.h"

#include <algorithm>
#include <utility>

#include <sys/stat.h>

#include "base/text.h"
#include "deliver/named_host.h"
#include "deliver/services.h"
#include "tls/openssl_digests.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

constexpr std::uint16_t kSmtpPort = 25;
constexpr std::uint16_t kImplicitTlsPort = 465;  // RFC 8314 3.3
constexpr std::chrono::minutes kAfterRefusedLogin{10};
constexpr std::chrono::minutes kComplainAgain{10};

const tls::OpensslDigests kDigests;

/// `domain` is `entry`, or below it where that is written ".example.com".
bool is_covered(std::string_view domain, std::string_view entry) {
    return entry.starts_with('.') ? domain.ends_with(entry) : domain == entry;
}

tls::TlsUse tls_use(config::RelayTls setting, bool has_credentials, tls::TlsUse usual) {
    switch (setting) {
        case config::RelayTls::none:
            return tls::TlsUse::none;
        case config::RelayTls::may:
            return tls::TlsUse::may;
        case config::RelayTls::encrypt:
            return tls::TlsUse::encrypt;
        case config::RelayTls::verify:
            return tls::TlsUse::verify;
        case config::RelayTls::unset:
            break;
    }
    return has_credentials ? tls::TlsUse::verify : usual;
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

bool Relay::is_listed(const std::string& domain) const {
    return std::ranges::any_of(settings_.relay_for, [&](const std::string& entry) {
        return is_covered(domain, entry);
    });
}

Way Relay::choose(const std::string& domain, SteadyTime now) {
    if (is_listed(domain)) {
        return Way::relay;
    }
    switch (settings_.relay_when) {
        case config::RelayWhen::always:
            return Way::relay;
        case config::RelayWhen::blocked:
            return watch_.is_blocked() && !watch_.take_probe(now) ? Way::relay : Way::direct;
        case config::RelayWhen::unset:
            break;
    }
    return settings_.relay_for.empty() ? Way::relay : Way::direct;
}

// The way there

/// As for a domain (RFC 5321 5.1), where nothing speaks against it: a submission server has no MX
/// record of its own, and credentials are for the server that was named, not for one that a DNS
/// answer names.
bool Relay::has_mx_lookup() const {
    const bool is_smtp = server_.port == 0 || server_.port == kSmtpPort;
    return is_smtp && !server_.is_bracketed && settings_.relay_credentials.empty() &&
           !config::is_ip_address(server_.host) && server_.host != "localhost";
}

asio::awaitable<NextHopResult> Relay::find(Services& services) {
    NextHop hop;
    hop.session = services.session;
    hop.site = "relay " + settings_.relay;
    if (const auto refused = prepare_session(services, hop.session)) {
        co_return *refused;
    }
    const std::uint16_t port = server_.port == 0 ? kSmtpPort : server_.port;
    if (has_mx_lookup()) {
        const route::RouteResult routed = co_await services.router.route(server_.host);
        if (const auto* outcome = std::get_if<mail::RecipientOutcome>(&routed)) {
            auto status = outcome->status;
            status.klass = 4;
            co_return complain(services, status, outcome->text);
        }
        hop.is_authentic = std::get<route::Route>(routed).is_secure;
        for (const route::MxHost& host : std::get<route::Route>(routed).hosts) {
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
    for (const asio::ip::address& address : *addresses) {
        // On another port somebody else may listen: a tunnel, another mail server.
        if (port != kSmtpPort || !services.router.is_own_address(address)) {
            hop.peers.emplace_back(server_.host, address, port);
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
    const bool has_credentials = !settings_.relay_credentials.empty();
    session.is_appointed = true;
    session.is_tls_from_start = server_.port == kImplicitTlsPort;
    session.tls = tls_use(settings_.relay_tls, has_credentials, session.tls);
    if (!has_credentials) {
        return std::nullopt;
    }
    if (refusal_ && services.clock.steady_now() < refusal_->until &&
        refusal_->file_state == state_of_credentials()) {
        return mail::RecipientOutcome(
            mail::OutcomeKind::deferred, {4, 7, 8}, refusal_->text + " (not tried again so soon)"
        );
    }
    const auto read = read_credentials(settings_.relay_credentials, trusted_);
    if (const auto* problem = std::get_if<CredentialsProblem>(&read)) {
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
    session.auth.credentials = std::get<0>(read);
    for (const std::string& name : settings_.relay_auth) {
        if (const auto mechanism = protocol::find_mechanism(name)) {
            session.auth.allowed.add(*mechanism);
        }
    }
    session.auth.may_show_secret = settings_.relay_tls == config::RelayTls::none;
    session.auth.digests = &kDigests;
    session.random = &services.random;
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
