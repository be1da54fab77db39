// Sites: what belongs to a set of MX hosts rather than to a domain: what waits for it, the sessions
// that carry it, how many of them there may be, and what was learned of its hosts.
//
//     SiteJob → Site's queue, in turn → SiteSession → the job's outcomes
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "deliver/site_job.h"
#include "deliver/site_policy.h"
#include "deliver/site_session.h"
#include "diagnose/providers.h"
#include "diagnose/ruling.h"
#include "schedule/fair_queue.h"
#include "schedule/site_control.h"

namespace mxpost::deliver {

struct SiteLimits {
    std::size_t max_sessions = 500;  // of all sites
    schedule::SitePolicy site;       // of each, unless its provider has others
    std::chrono::seconds idle_time{5};
};

class Sites;
class SiteMemory;

/// Whoever puts jobs in it keeps the pointer until they are complete.
class Site : public std::enable_shared_from_this<Site> {
public:
    Site(Sites& sites, std::string name, const schedule::SitePolicy& policy, std::uint32_t lane);

    const std::string& name() const { return name_; }
    /// Waits in the queue, or is complete at once where nothing is tried at present.
    void add(SiteJob& job);
    std::size_t waiting() const { return queue_.size(); }
    /// More wait than is any use: see kMostWaiting.
    bool is_saturated() const;
    /// Messages of this site are parked under this number until there is room; never 0.
    std::uint32_t lane() const { return lane_; }
    /// There are some: Sites::on_room is called when more may come.
    void note_parked() { has_parked_ = true; }
    bool is_idle() const { return sessions_.empty() && queue_.is_empty(); }
    /// Nothing of it is worth remembering.
    bool is_forgettable() const;

    /// What an earlier engine was told.
    void recall(const SiteMemory& memory);

    // For its sessions.

    Sites& sites() { return sites_; }
    schedule::SiteControl& control() { return control_; }
    const SessionLimits& session_limits() const { return session_limits_; }
    /// The next job that may begin now, or null. It counts for the rate limit from then on.
    SiteJob* take();
    /// A job that was taken and is to be given to another session.
    void put_back(SiteJob& job);
    /// No session could be opened. `is_connected`: a host took a connection at least.
    void note_failure(const mail::RecipientOutcome& reason, bool is_connected);
    /// Everything that waits gets this: nothing can be tried for a while.
    void defer_waiting(const mail::RecipientOutcome& outcome);
    /// The hosts of a job that weren't tried yet, those that failed lately last.
    std::vector<smtp::Peer> peers_to_try(const SiteJob& job) const;
    /// Acts on what a refusal means for the site.
    void heed(const diagnose::Ruling& ruling, const mail::RecipientOutcome& outcome, bool is_ipv6);
    /// What was learned of the site, in the settings of a session to be.
    void adapt(smtp::SessionSettings& settings) const;
    void note_desynchronised() { may_pipeline_messages_ = false; }
    void note_bdat_refused() { may_chunk_ = false; }
    /// A handshake with this peer (its text()) failed, though it offers TLS.
    void note_tls_broken(const std::string& peer);
    bool is_tls_broken(const std::string& peer) const;
    /// A session to this peer (its text()) is ready.
    void opened(const std::string& peer);
    /// It didn't take one, or didn't want it: others go first for a while.
    void failed(const std::string& peer);
    /// How many sessions other than this one have reached a host.
    std::size_t others_ready(const SiteSession& except) const;
    /// How long the last message took from MAIL to the final reply.
    void note_duration(SteadyTime::duration duration) { duration_ = duration; }
    /// The next message's commands may go out behind the one before: its reply won't be long.
    bool is_quick() const;
    void ended(SiteSession& session);
    /// Opens sessions, wakes idle ones, as far as there is work and it is allowed.
    void pump();
    /// The engine ends: nothing new is begun.
    void stop();
    /// Gives back, unattempted, what waits and isn't wanted any more.
    void give_back_withdrawn();
    /// A session that does nothing, if there is one, ends.
    bool end_idle();
    /// It waits for a session that others have: asked again when one ends. True: it did already.
    bool set_hungry(bool is_hungry) { return std::exchange(is_hungry_, is_hungry); }

private:
    void remember(SiteMemory& memory, const std::string& reason) const;
    bool defer_while_resting(SiteJob& job);
    bool may_begin(SteadyTime now);
    void count_begin(SiteJob& job, SteadyTime now);
    std::size_t count(SiteSession::Phase phase) const;
    bool is_session_wanted(SteadyTime now);
    void make_known_that_there_is_room();
    void pump_at(SteadyTime time);

    Sites& sites_;
    std::string name_;
    schedule::SiteControl control_;
    SessionLimits session_limits_;
    bool has_rate_limit_;
    SteadyTime rate_limited_until_{};
    schedule::FairQueue<SiteJob*> queue_;
    std::list<std::unique_ptr<SiteSession>> sessions_;
    std::map<std::string, SteadyTime> failed_until_;
    std::map<std::string, SteadyTime> tls_broken_until_;
    SteadyTime ipv4_bad_until_{};  // the site doesn't like our address of that family
    SteadyTime ipv6_bad_until_{};  //
    SteadyTime suspended_until_{};
    bool may_pipeline_messages_ = true;
    bool may_chunk_ = true;
    bool must_have_tls_ = false;
    std::uint32_t lane_;
    bool has_parked_ = false;
    bool is_hungry_ = false;
    std::optional<SteadyTime::duration> duration_;
    SteadyTime opened_at_{};
    SteadyTime used_at_{};
    boost::asio::steady_timer pump_timer_;
    std::optional<SteadyTime> pump_at_;
};

/// All sites of an engine, by the key that route::Route gives.
class Sites {
public:
    Sites(
        boost::asio::any_io_executor executor,
        const SiteLimits& limits,
        const Clock& clock,
        Random& random,
        const diagnose::Providers& providers
    );

    const SiteLimits& limits() const { return limits_; }
    std::shared_ptr<Site> at(const NextHop& hop);
    /// What sites have asked for is kept there, and known from there. It must outlive them.
    void remember_in(SiteMemory& memory) { memory_ = &memory; }
    /// Null where nothing is known of it.
    Site* find(const std::string& key);
    /// `callback` gets a site's lane and how many of the messages parked under it may come now.
    void on_room(std::function<void(std::uint32_t lane, std::size_t count)> callback) {
        on_room_ = std::move(callback);
    }
    /// The lane of a site (by its key) for which enough waits already; 0: it takes more.
    std::uint32_t saturated(const std::string& key);
    bool is_saturated(std::uint32_t lane) const;
    /// Forgets sites with nothing to remember, and gives withdrawn jobs back. Call every second or
    /// so.
    void tidy();
    /// The engine ends: what waits is given back unattempted, what is under way goes on, and
    /// sessions that have nothing to do end.
    void stop();

    // For sites.

    SiteMemory* memory() const { return memory_; }
    const boost::asio::any_io_executor& executor() const { return executor_; }
    SteadyTime now() const { return clock_.steady_now(); }
    Random& random() { return random_; }
    bool is_stopping() const { return is_stopping_; }
    /// False: as many as there may be are open, and the site will be asked again when one ends.
    void room(std::uint32_t lane, std::size_t count);
    bool take_session(Site& site);
    /// Sites wait for a session: those that do nothing are to end.
    bool has_hungry() const { return !hungry_.empty(); }
    void return_session();

private:
    boost::asio::any_io_executor executor_;
    SiteLimits limits_;
    const Clock& clock_;
    Random& random_;
    const diagnose::Providers& providers_;
    SiteMemory* memory_ = nullptr;
    std::map<std::string, std::shared_ptr<Site>> sites_;
    std::uint32_t next_lane_ = 1;
    std::function<void(std::uint32_t lane, std::size_t count)> on_room_;
    std::size_t sessions_ = 0;
    std::deque<std::weak_ptr<Site>> hungry_;  // they wanted a session when there was none
    bool is_stopping_ = false;
};

}  // namespace mxpost::deliver
