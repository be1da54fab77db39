#include "deliver/relay_server.h"

#include <variant>

#include "tls/openssl_digests.h"

namespace mxpost::deliver {

namespace {

constexpr std::uint16_t kImplicitTlsPort = 465;  // RFC 8314 3.3

const tls::OpensslDigests kDigests;

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

void adapt_to_relay(
    const config::Settings& settings, const config::HostPort& server, smtp::SessionSettings& session
) {
    session.is_appointed = true;
    session.is_tls_from_start = server.port == kImplicitTlsPort;
    session.tls = tls_use(settings.relay_tls, !settings.relay_credentials.empty(), session.tls);
}

std::optional<CredentialsProblem> add_relay_credentials(
    const config::Settings& settings,
    const TrustedUser& trusted,
    Random& random,
    smtp::SessionSettings& session
) {
    if (settings.relay_credentials.empty()) {
        return std::nullopt;
    }
    const auto read = read_credentials(settings.relay_credentials, trusted);
    if (const auto* problem = std::get_if<CredentialsProblem>(&read)) {
        return *problem;
    }
    session.auth.credentials = std::get<0>(read);
    for (const std::string& name : settings.relay_auth) {
        if (const auto mechanism = protocol::find_mechanism(name)) {
            session.auth.allowed.add(*mechanism);
        }
    }
    session.auth.may_show_secret = settings.relay_tls == config::RelayTls::none;
    session.auth.digests = &kDigests;
    session.random = &random;
    return std::nullopt;
}

}  // namespace mxpost::deliver
