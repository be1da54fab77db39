// StsCache: the MTA-STS policies of domains, remembered across restarts (RFC 8461 3.3, 5.1).
//
// The TXT record is asked for each time (the resolver's cache answers mostly); the policy itself is
// fetched when there is a record and no policy, when the record's id changes, and while mail flows
// once a day, long before it expires. A policy that was once had counts until it expires, whatever
// DNS and HTTPS say meanwhile: who could only suppress them would gain nothing (RFC 8461 10.2).
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "base/state_directory.h"
#include "dns/resolver.h"
#include "tls/failure.h"
#include "tls/sts_fetcher.h"
#include "tls/sts_policy.h"

namespace mxpost::tls {

/// What holds for a domain now. A value.
struct StsVerdict {
    StsVerdict() = default;

    /// Null: no policy, or none any more. Never of mode none.
    std::shared_ptr<const StsPolicy> policy;
    std::string id;  // the policy's, as its record had it
    /// The domain says that it has a policy, and it (or its newest form) can't be had. Mail flows
    /// as `policy` says all the same.
    Failure failure = Failure::none;
    std::string problem;  // with a failure: one sentence for people
};

/// Policies as the state directory keeps them. Public for tests.
struct StsEntry {
    StsEntry() = default;

    std::string id;
    WallTime fetched;  // successfully, last
    StsPolicy policy;

    friend bool operator==(const StsEntry&, const StsEntry&) = default;
};
using StsEntries = std::unordered_map<std::string, StsEntry>;
std::string encode_sts_entries(const StsEntries& entries);
/// What of it is well-formed, at most kMaxStsEntries.
StsEntries decode_sts_entries(std::string_view text);
inline constexpr std::size_t kMaxStsEntries = 2000;

class StsCache {
public:
    static constexpr const char* kStateName = "mta-sts";

    /// References must outlive it, and it its coroutines.
    StsCache(
        boost::asio::any_io_executor executor,
        dns::Resolver& resolver,
        HttpsAgent& https,
        StateDirectory& state,
        const Clock& clock,
        Log& log
    );
    StsCache(const StsCache&) = delete;
    StsCache& operator=(const StsCache&) = delete;
    /// Writes what isn't written yet.
    ~StsCache();

    /// `domain`: of recipients, A-labels, lower case. Bounded by the resolver's time limit, and the
    /// fetcher's where a policy must be fetched now. Who asks at the same time gets the same
    /// answer.
    boost::asio::awaitable<StsVerdict> find(std::string domain);

    /// To be called now and then (about once a second will do): writes what isn't written yet, and
    /// once an hour begins to fetch again what is due, also of domains that no mail goes to.
    void tick();

private:
    struct Known {
        std::optional<StsEntry> entry;  // none yet, or expired
        bool is_asked_for = false;
        SteadyTime used;
        SteadyTime next_try;  // not before, after a failure
        Failure failure = Failure::none;
        std::string problem;
        std::vector<std::shared_ptr<boost::asio::steady_timer>> waiters;
    };

    void load();
    void save();
    Known* find_known(const std::string& domain);
    /// It has a policy, which hasn't expired.
    bool is_good(const Known& known) const;
    bool is_due(const Known& known, std::chrono::hours most) const;
    boost::asio::awaitable<void> wait_for(Known& known);
    StsVerdict verdict(const Known* known) const;
    boost::asio::awaitable<void> fetch(std::string domain, std::string id);
    void take(const std::string& domain, const std::string& id, StsFetched fetched);
    boost::asio::awaitable<void> refresh_due();
    void make_room();

    boost::asio::any_io_executor executor_;
    dns::Resolver& resolver_;
    StsFetcher fetcher_;
    StateDirectory& state_;
    const Clock& clock_;
    Log& log_;
    std::unordered_map<std::string, Known> known_;
    SteadyTime saved_;
    SteadyTime refreshed_;
    bool is_loaded_ = false;
    bool is_dirty_ = false;
};

}  // namespace mxpost::tls
