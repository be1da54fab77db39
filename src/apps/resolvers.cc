#include "apps/resolvers.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "dns/stub_resolver.h"
#include "dns/validating_resolver.h"

namespace mxpost::apps {

namespace asio = boost::asio;

namespace {

constexpr const char* kResolvConf = "/etc/resolv.conf";

/// resolv.conf's servers, or those that the settings name.
std::function<dns::ResolvConf()> name_servers(
    const config::Settings& settings, const Clock& clock
) {
    if (settings.resolver.servers.empty()) {
        auto file = std::make_shared<dns::ResolvConfFile>(kResolvConf, clock);
        return [file] { return file->current(); };
    }
    dns::ResolvConf conf;
    for (const std::string& address : settings.resolver.servers) {
        conf.servers.emplace_back(asio::ip::make_address(address), std::uint16_t{53});
    }
    return [conf] { return conf; };
}

std::vector<asio::ip::address> trusted_resolvers(const config::Settings& settings) {
    std::vector<asio::ip::address> trusted;
    for (const std::string& address : settings.trusted_resolvers) {
        trusted.push_back(asio::ip::make_address(address));
    }
    return trusted;
}

dns::ValidatingSettings validating_settings(const config::Settings& settings) {
    dns::ValidatingSettings result;
    result.trust_anchor = settings.trust_anchor;
    return result;
}

bool is_dane_wanted(const config::Settings& settings) {
    return settings.dane && settings.tls != config::TlsLevel::none;
}

}  // namespace

Result<void> check_resolver(const config::Settings& settings) {
    if (!settings.resolver.is_validating) {
        return {};
    }
    return dns::check_trust_anchor(settings.trust_anchor);
}

std::unique_ptr<dns::Resolver> make_resolver(
    const config::Settings& settings,
    const asio::any_io_executor& executor,
    Random& random,
    const Clock& clock,
    std::chrono::milliseconds limit
) {
    if (settings.resolver.is_validating) {
        dns::ValidatingSettings validating = validating_settings(settings);
        validating.max_duration = limit;
        return dns::ValidatingResolver::make(
                   executor, name_servers(settings, clock), std::move(validating), clock
        )
            .value();
    }
    dns::StubResolverSettings stub;
    stub.trusted_resolvers = trusted_resolvers(settings);
    stub.max_duration = limit;
    return std::make_unique<dns::StubResolver>(
        executor, name_servers(settings, clock), std::move(stub), random, clock
    );
}

std::string why_dane_is_off(const config::Settings& settings) {
    if (!is_dane_wanted(settings) || settings.resolver.is_validating) {
        return {};
    }
    const SystemClock clock;
    const dns::ResolvConf conf = name_servers(settings, clock)();
    const auto trusted = trusted_resolvers(settings);
    const bool is_any_trusted =
        conf.trusts_ad || std::ranges::any_of(conf.servers, [&](const auto& server) {
            return std::ranges::find(trusted, server.address()) != trusted.end();
        });
    return is_any_trusted ? std::string()
                          : "DANE is off: no name server is trusted to check DNSSEC; \"resolver = "
                            "validating\" "
                            "checks it here, mxpost.conf(5) says what else can";
}

asio::awaitable<void> tell_if_dane_is_off(
    const config::Settings& settings, dns::Resolver& resolver, Log& log
) {
    if (const std::string why = why_dane_is_off(settings); !why.empty()) {
        log.info(why);
        co_return;
    }
    if (!is_dane_wanted(settings)) {
        co_return;
    }
    // A top-level domain that is always there, and signed as the root is.
    const dns::Answer<dns::TxtRecord> answer = co_await resolver.txt("arpa");
    if (answer.status != dns::LookupStatus::temporary && !answer.is_secure) {
        log.warning(
            "DANE is off: the name server is trusted to check DNSSEC, but doesn't say that it did, "
            "not even for the root's own records"
        );
    }
}

}  // namespace mxpost::apps
