#include "deliver/lmtp.h"

#include "config/host_port.h"
#include "deliver/named_host.h"
#include "deliver/services.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

Result<LmtpServer> LmtpServer::parse(std::string_view text) {
    if (text.starts_with(mail::kLmtpPrefix)) {
        text.remove_prefix(mail::kLmtpPrefix.size());
    }
    LmtpServer server;
    if (text.starts_with('/')) {
        server.path = text;
        server.port = 0;
        return server;
    }
    const auto parsed = config::HostPort::parse(text);
    if (!parsed) {
        return Error::invalid("a socket such as lmtp:/run/dovecot/lmtp or lmtp:localhost:24");
    }
    server.host = parsed->host;
    server.port = parsed->port == 0 ? server.port : parsed->port;
    return server;
}

std::string LmtpServer::name() const {
    return std::string(mail::kLmtpPrefix) + (path.empty() ? host : path);
}

asio::awaitable<NextHopResult> LmtpDestination::find() {
    NextHop hop;
    hop.session = services_.session;
    hop.session.dialect = protocol::Dialect::lmtp;
    hop.session.tls = tls::TlsUse::none;
    hop.session.is_appointed = true;
    hop.site = server_.name() + ":" + std::to_string(server_.port);
    if (!server_.path.empty()) {
        hop.peers.push_back(smtp::Peer::at_path(server_.name(), server_.path));
        co_return hop;
    }
    const auto addresses = co_await addresses_of(server_.host, services_);
    if (!addresses) {
        co_return mail::RecipientOutcome(
            mail::OutcomeKind::deferred, {4, 4, 3}, addresses.error().message()
        );
    }
    for (const asio::ip::address& address : *addresses) {
        hop.peers.emplace_back(server_.name(), address, server_.port);
    }
    co_return hop;
}

asio::awaitable<AttemptResult> attempt_lmtp(
    Services& services, LmtpServer server, Consignment consignment
) {
    auto destination = std::make_unique<LmtpDestination>(services, std::move(server));
    DomainAttempt attempt(services, std::move(destination), std::move(consignment));
    co_return co_await attempt.run();
}

}  // namespace mxpost::deliver
