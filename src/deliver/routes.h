// Routes: where mail for a domain goes, as found a moment ago: a queue of thousands of messages
// for one domain asks once, and however many domains wait, only so many are asked for at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "config/settings.h"
#include "deliver/next_hop.h"
#include "deliver/semaphore.h"
#include "dns/resolver.h"
#include "route/router.h"
#include "tls/dane.h"
#include "tls/report_log.h"
#include "tls/sts_cache.h"

namespace mxpost::deliver {

class Routes {
public:
    /// What all answers may take, about: whoever has many names may have a hundred addresses and 64
    /// KiB of TLSA records for each.
    static constexpr std::size_t kMaxOctets = std::size_t{32} << 20;

    /// References must outlive it. `session`: for all that goes to MX hosts. `dane`: who is asked
    /// for TLSA records; null: nobody.
    Routes(
        boost::asio::any_io_executor executor,
        route::Router& router,
        smtp::SessionSettings session,
        const config::Settings& settings,
        const Clock& clock,
        dns::Resolver* dane = nullptr
    );

    /// From now on policies of MTA-STS apply. `cache` must outlive it.
    void use_sts(tls::StsCache& cache) { sts_ = &cache; }
    /// Hosts that a policy keeps mail from are told to `reports`, which must outlive it.
    void report_to(tls::ReportLog& reports) { reports_ = &reports; }

    /// `domain` as in mail::Address. Bounded by the time limits of router, look_up_dane() and
    /// StsCache::find(), once its turn has come.
    /// `is_urgent`: somebody asks for an attempt, so what failed a moment ago is asked again.
    boost::asio::awaitable<NextHopResult> find(
        std::string domain, bool is_urgent = false, TlsWish wish = TlsWish::usual
    );
    /// The engine ends: nothing is asked for any more but what is under way.
    void stop() { is_stopping_ = true; }
    /// The site of a domain (lower case) that was found lately; null: it isn't known.
    const std::string* known_site(const std::string& domain) const;
    /// What all answers take, about.
    std::size_t octets() const { return octets_; }

private:
    struct Entry {
        std::optional<NextHopResult> result;
        std::size_t octets = 0;  // of the result
        SteadyTime until;
        bool is_asked_for = false;
        std::vector<std::shared_ptr<boost::asio::steady_timer>> waiters;
    };
    boost::asio::awaitable<NextHopResult> ask(std::string domain, TlsWish wish);
    bool heeds_dane(std::optional<config::TlsLevel> level, TlsWish wish) const;
    /// `dane`: one verdict for each of the route's hosts.
    NextHopResult next_hop(const route::Route& route, const std::vector<tls::DaneVerdict>& dane)
        const;
    void keep(Entry& entry, const NextHopResult& result);
    void make_room();
    /// All that `may_go` and that nobody asks for.
    void erase_if(const std::function<bool(const Entry&)>& may_go);

    boost::asio::any_io_executor executor_;
    route::Router& router_;
    smtp::SessionSettings session_;
    const config::Settings& settings_;
    const Clock& clock_;
    dns::Resolver* dane_;
    tls::StsCache* sts_ = nullptr;
    tls::ReportLog* reports_ = nullptr;
    Semaphore look_ups_;
    std::unordered_map<std::string, Entry> entries_;
    std::size_t octets_ = 0;  // of all entries
    SteadyTime tidied_;
    bool is_stopping_ = false;
};

}  // namespace mxpost::deliver
