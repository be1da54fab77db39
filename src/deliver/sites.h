// Sites: what belongs to a set of MX hosts rather than to a domain — how many sessions may be open,
// and the warm ones that the next message can use.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "deliver/dialogue_log.h"
#include "deliver/semaphore.h"
#include "smtp/session.h"

namespace mxpost::deliver {

/// A session that is ready for MAIL, and to whom it speaks.
struct WarmSession {
    std::unique_ptr<DialogueSwitch> dialogue;  // the session points to it: destroyed after it
    std::unique_ptr<smtp::Session> session;
    std::size_t messages = 0;  // carried so far
};

struct SiteLimits {
    std::size_t max_sessions = 100;  // of all sites
    std::size_t max_sessions_per_site = 10;
    std::size_t max_messages_per_session = 100;
    std::chrono::seconds idle_time{5};
};

class Site {
public:
    Site(boost::asio::any_io_executor executor, const SiteLimits& limits)
        : slots_(std::move(executor), limits.max_sessions_per_site) {}

    Semaphore& slots() { return slots_; }
    /// A warm session that still looks alive, or null.
    std::unique_ptr<WarmSession> take_idle();
    void keep_idle(std::unique_ptr<WarmSession> session, SteadyTime until);
    /// Those whose time is up (all, for SteadyTime::max()).
    std::vector<std::unique_ptr<WarmSession>> take_expired(SteadyTime now);
    std::size_t idle_count() const { return idle_.size(); }

private:
    struct Idle {
        std::unique_ptr<WarmSession> session;
        SteadyTime until;
    };
    Semaphore slots_;
    std::vector<Idle> idle_;  // the most recently used last
};

/// All sites of an engine, by the key that route::Route gives.
class Sites {
public:
    Sites(boost::asio::any_io_executor executor, const SiteLimits& limits, const Clock& clock)
        : executor_(executor),
          limits_(limits),
          clock_(&clock),
          sessions_(executor, limits.max_sessions) {}

    const SiteLimits& limits() const { return limits_; }
    /// Whoever works with a site keeps the pointer: sites that nobody holds are forgotten.
    std::shared_ptr<Site> at(const std::string& key);
    /// Open sessions of all sites that do something.
    Semaphore& sessions() { return sessions_; }

    /// Gives a session back after a transaction: kept for the next message, or ended politely.
    void give_back(Site& site, std::unique_ptr<WarmSession> session);
    /// Ends idle sessions whose time is up; forgets sites with nothing to remember. Call every
    /// second or so; `all`: the engine ends.
    void reap(bool all);

private:
    void end(std::unique_ptr<WarmSession> session);

    boost::asio::any_io_executor executor_;
    SiteLimits limits_;
    const Clock* clock_;
    Semaphore sessions_;
    std::map<std::string, std::shared_ptr<Site>> sites_;
};

}  // namespace mxpost::deliver
