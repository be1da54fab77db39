#include "deliver/sites.h"

#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "deliver/site_memory.h"
#include "deliver/site_policy.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

/// Jobs that wait for one site: enough for its sessions to find the next one, and no more, since
/// each holds its message open.
constexpr std::size_t kMostWaiting = 500;
constexpr std::chrono::minutes kFailedFor{5};  // a host that didn't answer isn't the first to try
constexpr std::size_t kMaxFailed = 100;
constexpr std::chrono::hours kTlsBrokenFor{1};
constexpr std::chrono::seconds kQuick{1};  // design 5
/// A site of which nothing is known yet gets its second session after this.
constexpr std::chrono::milliseconds kSecondSessionAfter{100};
/// One session of a quick site does so many messages sooner than another one could be opened.
constexpr std::size_t kBacklogOfOne = 10;
constexpr std::chrono::minutes kRememberedFor{10};
constexpr std::chrono::hours kRemarkableFor{6};
constexpr std::size_t kMaxSites = 4096;

asio::awaitable<void> run_session(std::shared_ptr<Site> site, SiteSession& session, SiteJob* job) {
    co_await session.run(job);
    site->ended(session);
}

mail::RecipientOutcome not_tried(const mail::RecipientOutcome& reason) {
    mail::RecipientOutcome outcome = reason;
    outcome.kind = mail::OutcomeKind::deferred;
    outcome.status.klass = 4;
    outcome.is_untried = true;
    // Code, status and words stay: what they mean (give-up, notice) holds for this message, too.
    constexpr std::string_view kNotTried = " (not tried again yet)";
    outcome.text = outcome.text.substr(0, mail::kMaxOutcomeText - kNotTried.size());
    outcome.text += kNotTried;
    return outcome;
}

}  // namespace

Site::Site(Sites& sites, std::string name, const schedule::SitePolicy& policy, std::uint32_t lane)
    : sites_(sites),
      name_(std::move(name)),
      control_(policy),
      session_limits_(policy),
      has_rate_limit_(policy.rate_messages > 0),
      lane_(lane),
      pump_timer_(sites.executor()) {}

// What waits

void Site::add(SiteJob& job) {
    used_at_ = sites_.now();
    if (sites_.is_stopping()) {
        job.complete_unattempted();
        return;
    }
    if (job.is_urgent()) {
        control_.try_now();
    }
    if (!defer_while_resting(job)) {
        queue_.push(job.turn(), &job);
        pump();
    }
}

/// True where nothing is tried at present: the job is complete.
bool Site::defer_while_resting(SiteJob& job) {
    if (!control_.resting_until(sites_.now())) {
        return false;
    }
    job.note_trouble(not_tried(control_.reason()));
    job.complete();
    return true;
}

bool Site::is_saturated() const {
    return queue_.size() >= kMostWaiting;
}

SiteJob* Site::take() {
    const SteadyTime now = sites_.now();
    if (queue_.is_empty() || control_.resting_until(now) || !may_begin(now)) {
        return nullptr;
    }
    while (auto job = queue_.pop()) {
        const bool is_wanted = !(*job)->is_withdrawn();
        if (is_wanted) {
            count_begin(**job, now);
        }
        make_known_that_there_is_room();
        if (is_wanted) {
            return *job;
        }
        (*job)->complete_unattempted();
    }
    return nullptr;
}

/// By the rate limit. False: asked again as soon as it is true.
bool Site::may_begin(SteadyTime now) {
    const SteadyTime next = control_.next_begin(now);
    if (next > now) {
        pump_at(next);
    }
    return next <= now;
}

/// A job counts for the rate when it is taken: were it when it is sent, all sessions that are being
/// opened would send at once.
void Site::count_begin(SiteJob& job, SteadyTime now) {
    control_.begin(now);
    job.is_counted = true;
}

void Site::make_known_that_there_is_room() {
    if (has_parked_ && queue_.size() <= kMostWaiting / 2) {
        has_parked_ = false;
        sites_.room(lane_, kMostWaiting - queue_.size());
    }
}

void Site::put_back(SiteJob& job) {
    if (sites_.is_stopping()) {
        job.complete_unattempted();
        return;
    }
    if (!defer_while_resting(job)) {
        queue_.push_front(job.turn(), &job);
        pump();
    }
}

void Site::defer_waiting(const mail::RecipientOutcome& outcome) {
    while (auto job = queue_.pop()) {
        (*job)->note_trouble(not_tried(outcome));
        (*job)->complete();
    }
    make_known_that_there_is_room();
}

void Site::note_failure(const mail::RecipientOutcome& reason, bool is_connected) {
    const SteadyTime now = sites_.now();
    if (is_connected) {
        control_.unwilling(reason, now, sites_.random());
    } else {
        control_.unreachable(reason, now, sites_.random());
    }
    if (control_.resting_until(now)) {
        defer_waiting(reason);
    }
}

// Hosts

std::vector<smtp::Peer> Site::peers_to_try(const SiteJob& job) const {
    std::vector<smtp::Peer> peers;
    for (const smtp::Peer& peer : job.hop->peers) {
        if (std::ranges::find(job.tried, peer.text()) == job.tried.end()) {
            peers.push_back(peer);
        }
    }
    const SteadyTime now = sites_.now();
    std::ranges::stable_partition(peers, [&](const smtp::Peer& peer) {
        const auto failed = failed_until_.find(peer.text());
        return failed == failed_until_.end() || failed->second <= now;
    });
    const auto is_welcome = [&](const smtp::Peer& peer) {
        return now >= (peer.is_ipv6() ? ipv6_bad_until_ : ipv4_bad_until_);
    };
    if (std::ranges::any_of(job.hop->peers, is_welcome)) {
        std::erase_if(peers, [&](const smtp::Peer& peer) { return !is_welcome(peer); });
    }
    return peers;
}

void Site::heed(
    const diagnose::Ruling& ruling, const mail::RecipientOutcome& outcome, bool is_ipv6
) {
    const SteadyTime now = sites_.now();
    if (ruling.other_family.count() > 0) {
        (is_ipv6 ? ipv6_bad_until_ : ipv4_bad_until_) = now + ruling.other_family;
    }
    if (ruling.is_slow_down || (outcome.reply_code == 421 && !ruling.is_reconnect)) {
        control_.slowed(now);
    }
    if (const auto& limits = ruling.limits) {
        const SteadyTime until = now + limits->duration;
        if (limits->limits.max_sessions) {
            control_.restrict(*limits->limits.max_sessions, until);
        }
        if (const auto& rate = limits->limits.rate) {
            control_.restrict_rate(rate->messages, rate->interval, until);
            rate_limited_until_ = std::max(rate_limited_until_, until);
        }
        session_limits_.restrict(limits->limits, until);
    }
    must_have_tls_ |= ruling.is_tls_required;
    if (ruling.suspend.count() > 0) {
        suspended_until_ = now + ruling.suspend;
        control_.suspend(outcome, suspended_until_);
        defer_waiting(outcome);
    }
    const bool is_lasting = ruling.other_family.count() > 0 || ruling.suspend.count() > 0;
    if (SiteMemory* const memory = sites_.memory(); memory != nullptr && is_lasting) {
        remember(*memory, ruling.suspend.count() > 0 ? mail::reply_text(outcome) : std::string());
    }
}

void Site::recall(const SiteMemory& memory) {
    const SiteMemory::Entry* const known = memory.find(name_);
    if (known == nullptr) {
        return;
    }
    const SteadyTime now = sites_.now();
    const auto steady = [&](WallTime until) {
        return now + std::max(until - memory.clock().now(), WallTime::duration(0));
    };
    ipv4_bad_until_ = steady(known->ipv4_bad_until);
    ipv6_bad_until_ = steady(known->ipv6_bad_until);
    suspended_until_ = steady(known->suspended_until);
    if (suspended_until_ > now) {
        const mail::RecipientOutcome reason(mail::OutcomeKind::deferred, {4, 7, 0}, known->reason);
        control_.suspend(reason, suspended_until_);
    }
}

void Site::remember(SiteMemory& memory, const std::string& reason) const {
    const SteadyTime now = sites_.now();
    const auto wall = [&](SteadyTime until) {
        return until <= now ? WallTime() : memory.clock().now() + (until - now);
    };
    SiteMemory::Entry entry;
    entry.ipv4_bad_until = std::chrono::time_point_cast<WallTime::duration>(wall(ipv4_bad_until_));
    entry.ipv6_bad_until = std::chrono::time_point_cast<WallTime::duration>(wall(ipv6_bad_until_));
    entry.suspended_until =
        std::chrono::time_point_cast<WallTime::duration>(wall(suspended_until_));
    entry.reason = reason;
    if (const SiteMemory::Entry* const known = memory.find(name_);
        known != nullptr && reason.empty()) {
        entry.reason = known->reason;
    }
    memory.note(name_, std::move(entry));
}

void Site::adapt(smtp::SessionSettings& settings) const {
    settings.may_pipeline_messages &= may_pipeline_messages_;
    settings.chunking &= may_chunk_;
    if (must_have_tls_ && settings.tls == tls::TlsUse::may) {
        settings.tls = tls::TlsUse::encrypt;
    }
}

void Site::opened(const std::string& peer) {
    failed_until_.erase(peer);
    control_.reached();
}

void Site::failed(const std::string& peer) {
    if (failed_until_.size() < kMaxFailed) {
        failed_until_[peer] = sites_.now() + kFailedFor;
    }
}

void Site::note_tls_broken(const std::string& peer) {
    if (tls_broken_until_.size() < kMaxFailed) {
        tls_broken_until_[peer] = sites_.now() + kTlsBrokenFor;
    }
}

bool Site::is_tls_broken(const std::string& peer) const {
    const auto broken = tls_broken_until_.find(peer);
    return broken != tls_broken_until_.end() && sites_.now() < broken->second;
}

// Sessions

std::size_t Site::count(SiteSession::Phase phase) const {
    return static_cast<std::size_t>(std::ranges::count_if(sessions_, [&](const auto& session) {
        return session->phase() == phase;
    }));
}

std::size_t Site::others_ready(const SiteSession& except) const {
    return static_cast<std::size_t>(std::ranges::count_if(sessions_, [&](const auto& session) {
        return session.get() != &except && (session->phase() == SiteSession::Phase::busy ||
                                            session->phase() == SiteSession::Phase::idle);
    }));
}

bool Site::is_quick() const {
    return duration_ && *duration_ < kQuick;
}

/// Is one session more worth its opening?
bool Site::is_session_wanted(SteadyTime now) {
    if (sessions_.empty()) {
        return true;
    }
    // Twice as many each time, so that a flood doesn't meet a host with all of them at once.
    const std::size_t opening = count(SiteSession::Phase::opening);
    if (opening >= std::max<std::size_t>(1, sessions_.size() - opening)) {
        return false;
    }
    if (is_quick()) {
        return queue_.size() > kBacklogOfOne * sessions_.size();
    }
    if (!duration_ && now < opened_at_ + kSecondSessionAfter) {
        pump_at(opened_at_ + kSecondSessionAfter);
        return false;
    }
    return true;
}

void Site::pump() {
    const SteadyTime now = sites_.now();
    if (queue_.is_empty() || control_.resting_until(now) || !may_begin(now)) {
        return;
    }
    // By a rate one begins at a time: no new session is to be quicker than one that is open.
    const bool is_rate_limited = has_rate_limit_ || now < rate_limited_until_;
    std::size_t wanted = is_rate_limited ? 1 : queue_.size();
    for (auto session = sessions_.rbegin(); session != sessions_.rend() && wanted > 0; ++session) {
        if ((*session)->phase() == SiteSession::Phase::idle) {
            (*session)->wake();
            --wanted;
        }
    }
    while (wanted > 0 && may_begin(now) && sessions_.size() < control_.sessions(now) &&
           is_session_wanted(now) && sites_.take_session(*this)) {
        SiteJob* const job = *queue_.pop();
        count_begin(*job, now);
        make_known_that_there_is_room();
        opened_at_ = now;
        sessions_.push_back(std::make_unique<SiteSession>(*this, sites_.executor()));
        auto running = run_session(shared_from_this(), *sessions_.back(), job);
        asio::co_spawn(sites_.executor(), std::move(running), asio::detached);
        wanted = queue_.size();
    }
}

void Site::pump_at(SteadyTime time) {
    if (pump_at_ && *pump_at_ <= time) {
        return;
    }
    pump_at_ = time;
    pump_timer_.expires_at(time);
    pump_timer_.async_wait([site = weak_from_this()](const boost::system::error_code& error) {
        if (const auto self = site.lock(); self && !error) {
            self->pump_at_.reset();
            self->pump();
        }
    });
}

void Site::ended(SiteSession& session) {
    used_at_ = sites_.now();
    std::erase_if(sessions_, [&](const auto& other) { return other.get() == &session; });
    sites_.return_session();
    pump();
}

bool Site::end_idle() {
    for (const auto& session : sessions_) {
        if (session->phase() == SiteSession::Phase::idle) {
            session->end_soon();
            return true;
        }
    }
    return false;
}

void Site::stop() {
    while (auto job = queue_.pop()) {
        (*job)->complete_unattempted();
    }
    for (const auto& session : sessions_) {
        session->end_soon();
    }
    pump_timer_.cancel();
}

void Site::give_back_withdrawn() {
    for (SiteJob* job : queue_.take_if([](const SiteJob* each) { return each->is_withdrawn(); })) {
        job->complete_unattempted();
    }
    make_known_that_there_is_room();
}

bool Site::is_forgettable() const {
    const SteadyTime now = sites_.now();
    const bool is_remarkable = !control_.is_unremarkable(now) || session_limits_.is_restricted(now);
    return is_idle() && now - used_at_ > (is_remarkable ? kRemarkableFor : kRememberedFor);
}

// All of them

Sites::Sites(
    asio::any_io_executor executor,
    const SiteLimits& limits,
    const Clock& clock,
    Random& random,
    const diagnose::Providers& providers
)
    : executor_(std::move(executor)),
      limits_(limits),
      clock_(clock),
      random_(random),
      providers_(providers) {}

std::shared_ptr<Site> Sites::at(const NextHop& hop) {
    auto& site = sites_[hop.site];
    if (!site) {
        std::vector<std::string> hosts;
        for (const smtp::Peer& peer : hop.peers) {
            hosts.push_back(peer.host);
        }
        const auto policy = tightened(limits_.site, providers_.limits_for(hosts));
        site = std::make_shared<Site>(*this, hop.site, policy, next_lane_++);
        if (memory_ != nullptr) {
            site->recall(*memory_);
        }
    }
    return site;
}

std::uint32_t Sites::saturated(const std::string& key) {
    Site* const site = find(key);
    if (site == nullptr || !site->is_saturated()) {
        return 0;
    }
    site->note_parked();
    return site->lane();
}

bool Sites::is_saturated(std::uint32_t lane) const {
    return std::ranges::any_of(sites_, [lane](const auto& entry) {
        return entry.second->lane() == lane && entry.second->is_saturated();
    });
}

void Sites::room(std::uint32_t lane, std::size_t count) {
    if (on_room_) {
        on_room_(lane, count);
    }
}

Site* Sites::find(const std::string& key) {
    const auto found = sites_.find(key);
    return found == sites_.end() ? nullptr : found->second.get();
}

void Sites::tidy() {
    for (const auto& [key, site] : sites_) {
        site->give_back_withdrawn();
    }
    std::erase_if(sites_, [this](const auto& entry) {
        return entry.second.use_count() == 1 && entry.second->is_idle() &&
               (sites_.size() > kMaxSites || entry.second->is_forgettable());
    });
}

void Sites::stop() {
    is_stopping_ = true;
    for (const auto& [key, site] : sites_) {
        site->stop();
    }
}

bool Sites::take_session(Site& site) {
    if (sessions_ < limits_.max_sessions) {
        ++sessions_;
        return true;
    }
    if (!site.set_hungry(true)) {
        hungry_.push_back(site.weak_from_this());
    }
    for (const auto& [key, other] : sites_) {
        if (other->end_idle()) {
            break;
        }
    }
    return false;
}

void Sites::return_session() {
    --sessions_;
    while (!hungry_.empty() && sessions_ < limits_.max_sessions) {
        const auto site = hungry_.front().lock();
        hungry_.pop_front();
        if (site) {
            site->set_hungry(false);
            site->pump();
        }
    }
}

}  // namespace mxpost::deliver
