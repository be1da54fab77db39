#include "tls/dane_lookup.h"

#include <cstddef>
#include <exception>
#include <memory>
#include <utility>

#include <boost/asio.hpp>

namespace mxpost::tls {

namespace asio = boost::asio;

namespace {

/// The look-ups for one domain. Shared with their completion handlers, which may come when nobody
/// waits any more.
struct Lookups {
    Lookups(const asio::any_io_executor& executor, DaneDomain domain_)
        : domain(std::move(domain_)),
          verdicts(domain.hosts.size()),
          done(executor, asio::steady_timer::time_point::max()) {}

    const DaneDomain domain;
    std::vector<DaneVerdict> verdicts;
    std::size_t pending = 0;
    asio::steady_timer done;  // never expires: cancelled after the last one
    std::exception_ptr bug;
};

asio::awaitable<DaneVerdict> look_up_host(
    dns::Resolver& resolver, std::shared_ptr<const Lookups> lookups, std::size_t index
) {
    const DaneHost& host = lookups->domain.hosts[index];
    bool is_alias_secure = false;
    if (depends_on_alias(host)) {
        const dns::Answer<std::string> alias = co_await resolver.cname(host.name);
        if (alias.status == dns::LookupStatus::temporary) {
            // It was there a moment ago, on the way to the address: not to know is no excuse.
            std::string problem = "whether DNSSEC covers the alias " + host.name +
                                  " can't be looked up now: " + alias.reason;
            co_return DaneVerdict(Failure::dnssec_invalid, std::move(problem));
        }
        is_alias_secure = alias.status == dns::LookupStatus::ok && alias.is_secure;
    }
    for (const std::string& base : base_domains(host, is_alias_secure)) {
        const dns::Answer<dns::TlsaRecord> answer = co_await resolver.tlsa(tlsa_name(base));
        std::optional<DaneVerdict> verdict = judge(lookups->domain, host, base, answer);
        if (verdict) {
            co_return std::move(*verdict);
        }
    }
    co_return DaneVerdict();
}

}  // namespace

asio::awaitable<std::vector<DaneVerdict>> look_up_dane(dns::Resolver& resolver, DaneDomain domain) {
    if (!domain.is_secure) {
        co_return std::vector<DaneVerdict>(domain.hosts.size());
    }
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto lookups = std::make_shared<Lookups>(executor, std::move(domain));
    const std::vector<DaneHost>& hosts = lookups->domain.hosts;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        if (!hosts[i].is_secure && !depends_on_alias(hosts[i])) {
            continue;
        }
        ++lookups->pending;
        asio::co_spawn(
            executor,
            look_up_host(resolver, lookups, i),
            [lookups, i](std::exception_ptr failure, DaneVerdict verdict) {
                if (failure) {
                    lookups->bug = std::move(failure);
                }
                lookups->verdicts[i] = std::move(verdict);
                if (--lookups->pending == 0) {
                    lookups->done.cancel();
                }
            }
        );
    }
    while (lookups->pending > 0) {
        co_await lookups->done.async_wait(asio::as_tuple(asio::use_awaitable));
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) {
            throw boost::system::system_error(asio::error::operation_aborted);
        }
    }
    if (lookups->bug) {
        std::rethrow_exception(lookups->bug);
    }
    co_return std::move(lookups->verdicts);
}

}  // namespace mxpost::tls
