#include "deliver/site_session.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "deliver/sites.h"
#include "deliver/tls_attempts.h"
#include "deliver/tls_memory.h"
#include "deliver/watched_content.h"
#include "tls/report_log.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

/// Addresses tried in one attempt, however many the MXs have: RFC 5321 5.1 asks for at least two.
constexpr std::size_t kMaxTried = 10;
/// No further host is begun after this long.
constexpr std::chrono::minutes kMaxHostsTime{15};
constexpr mail::EnhancedStatus kNoRequireTls{5, 7, 30};

bool is_delivered(const mail::RecipientOutcome& outcome) {
    return outcome.kind == mail::OutcomeKind::delivered;
}

/// Our own refusal (RFC 8689 4.2.1): servers use this status for other things, too.
bool is_without_require_tls(const SiteJob& job, const mail::RecipientOutcome& outcome) {
    return outcome.status == kNoRequireTls && outcome.reply_code == 0 &&
           job.tls_wish() == TlsWish::required;
}

asio::awaitable<void> quit(std::unique_ptr<OpenSession> open) {
    open->dialogue.point_to(nullptr);
    co_await open->session.quit();
}

/// What a refusal means, although another host or address family takes the mail: the log wouldn't
/// say it otherwise.
void tell(
    Services& services, const diagnose::Ruling& ruling, const mail::RecipientOutcome& outcome
) {
    const SteadyTime now = services.clock.steady_now();
    if (const auto line = services.notices.note(ruling, outcome, now)) {
        services.log.warning(*line);
    }
}

}  // namespace

SiteSession::SiteSession(Site& site, const asio::any_io_executor& executor)
    : site_(site), executor_(executor), work_(executor) {}

SiteSession::~SiteSession() = default;

// The life of a session

asio::awaitable<void> SiteSession::run(SiteJob* job) {
    try {
        co_await work(job);
    } catch (const std::exception& exception) {
        // A broken promise of ours, or no memory: these messages wait, others go on.
        const mail::RecipientOutcome outcome(
            mail::OutcomeKind::deferred,
            {4, 3, 0},
            std::string("internal error: ") + exception.what()
        );
        under_way_.clear();
        for (SiteJob* taken : std::exchange(jobs_, {})) {
            taken->note_trouble(outcome);
            taken->complete();
        }
    }
    phase_ = Phase::ending;
    note_habits();
    leave();
}

asio::awaitable<void> SiteSession::work(SiteJob* job) {
    while (job != nullptr) {
        adopt(*job);
        if (!is_usable()) {
            note_habits();
            leave();
            must_move_ = false;
            phase_ = Phase::opening;
            const bool is_open = co_await open(*job);
            if (!is_open) {
                co_return;
            }
            if (must_end_) {
                hand_back(*job);
                co_return;
            }
            phase_ = Phase::busy;
            site_.pump();  // what came while it was opened may be worth another session
        }
        phase_ = Phase::busy;
        co_await open_->session.deliver(*this);
        job = sort_out();
        if (job != nullptr && job->has_unsent() && !must_move_ && !was_cut_off_) {
            // The session has carried what it may: no fault of the host's. A full one has settled
            // some of the job, if only by refusals, so this comes to an end.
            is_full_ ? try_again(*job) : reconnect(*job);
        }
        if (job != nullptr && must_end_) {
            // What this host did is all there is; no other one is begun, and no other transaction.
            job->has_unsent() ? job->complete_unattempted() : job->complete();
            job = nullptr;
        }
        if (job == nullptr) {
            job = co_await next_job();
        }
    }
}

void SiteSession::adopt(SiteJob& job) {
    job.begin_session();
    if (std::ranges::find(jobs_, &job) == jobs_.end()) {
        jobs_.push_back(&job);
    }
}

/// The engine ends before anything of this job was sent in this session.
void SiteSession::hand_back(SiteJob& job) {
    std::erase(jobs_, &job);
    site_.put_back(job);
}

/// After deliver(): what nothing was decided about goes to another session. A job that has seen
/// this host fail goes on at the next one; more than one can't be in hand.
SiteJob* SiteSession::sort_out() {
    SiteJob* in_hand = nullptr;
    for (SiteJob* job : std::exchange(jobs_, {})) {
        if (in_hand == nullptr && job->is_touched()) {
            in_hand = job;
        } else {
            site_.put_back(*job);
        }
    }
    return in_hand;
}

bool SiteSession::is_usable() {
    return open_ && !must_move_ && !is_full_ && open_->session.is_idle_healthy() &&
           messages_ < site_.session_limits().messages(site_.sites().now());
}

/// What the server turned out not to bear: the next session to the site spares it.
void SiteSession::note_habits() {
    if (open_ && open_->session.was_desynchronised()) {
        site_.note_desynchronised();
    }
    if (open_ && open_->session.is_bdat_refused()) {
        site_.note_bdat_refused();
    }
}

/// Says goodbye where there is somebody to hear it; nobody waits for the answer.
void SiteSession::leave() {
    if (open_) {
        auto goodbye = quit(std::exchange(open_, nullptr));
        asio::co_spawn(executor_, std::move(goodbye), asio::detached);
    }
}

/// The next message for this session; null: it is to end.
asio::awaitable<SiteJob*> SiteSession::next_job() {
    const Sites& sites = site_.sites();
    const SteadyTime deadline = sites.now() + sites.limits().idle_time;
    while (!must_end_) {
        if (SiteJob* job = site_.take()) {
            co_return job;
        }
        const bool is_over = sites.now() >= deadline || sites.is_stopping() || sites.has_hungry();
        if (is_over || !is_usable()) {
            break;
        }
        phase_ = Phase::idle;
        work_.expires_at(deadline);
        co_await work_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return nullptr;
}

void SiteSession::wake() {
    if (phase_ == Phase::idle) {
        phase_ = Phase::busy;  // so that nobody wakes it twice for two messages
    }
    work_.cancel();
}

void SiteSession::end_soon() {
    must_end_ = true;
    if (phase_ == Phase::idle) {
        phase_ = Phase::ending;  // so that it isn't told twice instead of another one
    }
    work_.cancel();
}

// Opening

asio::awaitable<bool> SiteSession::open(SiteJob& job) {
    const SteadyTime begun = site_.sites().now();
    bool has_route = false;
    auto groups = groups_of_equal_preference(site_.peers_to_try(job));
    for (std::vector<smtp::Peer>& peers : groups) {
        while (!peers.empty()) {
            if (must_end_) {
                hand_back(job);
                co_return false;
            }
            const bool is_late = site_.sites().now() - begun > kMaxHostsTime;
            if (!job.has_open() || job.tried.size() >= kMaxTried || is_late) {
                peers.clear();
                break;
            }
            // One host may have a hundred: the router gives them in another order each time.
            const std::size_t room = kMaxTried - job.tried.size();
            peers.erase(
                peers.begin() + static_cast<std::ptrdiff_t>(std::min(room, peers.size())),
                peers.end()
            );
            const bool is_open = co_await open_one(job, peers, has_route);
            if (is_open) {
                co_return true;
            }
        }
    }
    give_up(job, has_route);
    co_return false;
}

/// A session with one of `peers`, which is taken away, as are those that failed.
asio::awaitable<bool> SiteSession::open_one(
    SiteJob& job, std::vector<smtp::Peer>& peers, bool& has_route
) {
    smtp::SessionSettings settings = job.hop->session;
    site_.adapt(settings);
    demand_tls(job, peers);
    open_ = std::make_unique<OpenSession>(executor_, std::move(settings));
    open_->dialogue.point_to(&job.dialogue());
    const OpenResult result =
        co_await open_session(job.services(), open_->session, peers, job.dialogue());
    open_->dialogue.point_to(nullptr);
    report_tls(job, result);
    const smtp::Peer peer = open_->session.peer();
    has_route |= result.has_route;
    if (result.is_connected) {
        job.reach = Reach::connected;
    } else if (job.reach == Reach::untried && result.has_route) {
        job.reach = Reach::unreachable;
    }
    for (const std::string& failed : result.failed) {
        job.tried.push_back(failed);
        site_.failed(failed);
    }
    if (!result.trouble) {
        job.tried.push_back(peer.text());
        messages_ = 0;
        has_delivered_ = false;
        was_cut_off_ = false;
        domains_ = DomainQuota(open_->session.capabilities().recipient_domains_max);
        is_full_ = false;
        site_.opened(peer.text());
        note_tls(job);
        co_return true;
    }
    const tls::TlsUse use = peer.demand ? peer.demand->use : job.hop->session.tls;
    const std::string& tls_failure = open_->session.tls_failure();
    const mail::Step step = result.trouble->step;
    if (use == tls::TlsUse::may && !tls_failure.empty() &&
        (step == mail::Step::connect || step == mail::Step::greeting)) {
        // The second connection, in clear, was one too many: the next attempt needs but one.
        tell_tls_broken(job, peer, tls_failure);
    }
    open_.reset();
    const diagnose::Ruling ruling = job.services().rules.rule(*result.trouble);
    site_.heed(ruling, *result.trouble, peer.is_ipv6());
    tell(job.services(), ruling, *result.trouble);
    mail::RecipientOutcome ruled = *result.trouble;
    diagnose::apply(ruling, ruled);
    job.note_trouble(ruled);
    if (result.are_credentials_refused) {
        job.destination().credentials_refused(*result.trouble);
        job.close_open();  // its other addresses would say the same, and lock the account
        site_.defer_waiting(*result.trouble);
    }
    co_return false;
}

/// What is known of the hosts' TLS, where nobody else demands anything.
void SiteSession::demand_tls(const SiteJob& job, std::vector<smtp::Peer>& peers) const {
    const TlsMemory* const memory = job.services().tls_memory;
    for (smtp::Peer& peer : peers) {
        peer.is_tls_broken = site_.is_tls_broken(peer.text());
        const tls::TlsUse use = peer.demand ? peer.demand->use : job.hop->session.tls;
        if (use == tls::TlsUse::may && job.hop->refuses_downgrade && memory != nullptr &&
            memory->best(peer.host) != TlsMemory::Level::clear) {
            auto demand = std::make_shared<tls::Demand>(tls::TlsUse::encrypt);
            demand->source = peer.host + ", which has offered TLS before";
            peer.demand = std::move(demand);
        }
    }
}

void SiteSession::tell_tls_broken(
    const SiteJob& job, const smtp::Peer& peer, const std::string& failure
) {
    site_.note_tls_broken(peer.text());
    job.services().log.warning(peer.text() + ": mail goes in clear for an hour: " + failure);
}

void SiteSession::note_tls(const SiteJob& job) {
    const smtp::Session& session = open_->session;
    const smtp::Peer& peer = session.peer();
    if (!session.tls_failure().empty()) {
        tell_tls_broken(job, peer, session.tls_failure());
    }
    TlsMemory* const memory = job.services().tls_memory;
    const tls::TlsUse use = peer.demand ? peer.demand->use : job.hop->session.tls;
    const bool is_broken = peer.is_tls_broken || !session.tls_failure().empty();  // it offers TLS
    if (memory == nullptr || use == tls::TlsUse::none || is_broken) {
        return;
    }
    if (const auto said = memory->note(peer.host, session.tls())) {
        job.services().log.warning(*said);
    }
}

/// Mail that doesn't ask for what its recipients' domain wants of TLS says nothing of it. TLS
/// reports are such mail (RFC 8460 5.3), so that no report causes another.
void SiteSession::report_tls(const SiteJob& job, const OpenResult& opened) const {
    tls::ReportLog* const reports = job.services().tls_reports;
    if (reports == nullptr || !opened.is_connected || job.tls_wish() == TlsWish::lenient) {
        return;
    }
    const smtp::Session& session = open_->session;
    OpeningResult result;
    result.tls = session.tls();
    result.tls_failure = session.tls_failure();
    if (const auto local = session.local_address()) {
        result.local_address = local->to_string();
    }
    result.trouble = opened.trouble;
    if (const auto attempt = tls_attempt(*job.hop, session.peer(), result)) {
        reports->note(*attempt);
    }
}

/// No host of the site talks to us, or none is left that does more for this job.
void SiteSession::give_up(SiteJob& job, bool has_route) {
    std::erase(jobs_, &job);
    Site& site = site_;
    const std::size_t others = site.others_ready(*this);
    if (job.has_open() && others > 0 && !job.was_tried_in_vain()) {
        // One session more was too much: those that are open carry it. Not one that has cost a
        // session already: it would cost them as well, one after the other.
        site.control().crowded(others, site.sites().now());
        job.tried.clear();
        site.put_back(job);
        return;
    }
    const mail::RecipientOutcome* const reason = job.deferral();
    if (reason != nullptr && has_route && others == 0) {
        site.note_failure(*reason, job.reach == Reach::connected);
    }
    job.note_left_out();
    job.complete();
}

// What is carried

smtp::Parcel* SiteSession::next() {
    if (!under_way_.empty() && !site_.is_quick()) {
        return nullptr;  // another session may be sooner
    }
    const std::size_t most = site_.session_limits().messages(site_.sites().now());
    while (messages_ < most && !must_move_ && !is_full_) {
        SiteJob* const job = choose_job();
        if (job == nullptr) {
            break;
        }
        if (load(*job)) {
            return &under_way_.back().parcel;
        }
    }
    return nullptr;
}

SiteJob* SiteSession::choose_job() {
    if (must_end_) {
        return nullptr;
    }
    for (SiteJob* job : jobs_) {
        if (job->has_unsent()) {
            return job;
        }
    }
    SiteJob* const job = site_.take();
    if (job != nullptr) {
        adopt(*job);
    }
    return job;
}

/// False: its content can't be read, or it is for another session, and nothing is sent.
bool SiteSession::load(SiteJob& job) {
    const SteadyTime now = site_.sites().now();
    const std::size_t most = site_.session_limits().recipients(now);
    const std::size_t allowed = open_->session.max_recipients();
    Cargo cargo;
    cargo.job = &job;
    cargo.chunk = job.take_chunk(
        most == 0 ? allowed : std::min(most, allowed),
        [this](const mail::Recipient& to) { return domains_.admits(to.address.domain()); }
    );
    if (cargo.chunk.empty()) {
        is_full_ = true;
        return false;
    }
    auto content = job.content(!open_->session.capabilities().has_eight_bit_mime);
    if (!content) {
        job.note_content_trouble(content.error());
        settle(job);
        return false;
    }
    auto watched = std::make_unique<WatchedContent>(std::move(*content));
    cargo.content = watched.get();
    cargo.parcel.transaction = job.transaction(cargo.chunk);
    cargo.parcel.content = std::move(watched);
    cargo.parcel.dialogue = &job.dialogue();
    cargo.parcel.may_be_followed = site_.is_quick();
    cargo.begun = now;
    under_way_.push_back(std::move(cargo));
    if (!std::exchange(job.is_counted, false)) {
        site_.control().begin(now);  // a further transaction of it
    }
    ++messages_;
    return true;
}

void SiteSession::done(smtp::Parcel&, smtp::TransactionResult result) {
    const Cargo cargo = std::move(under_way_.front());
    under_way_.pop_front();
    SiteJob& job = *cargo.job;
    job.reach = Reach::connected;
    was_cut_off_ |= result.may_try_next_host;
    if (result.is_session_stale || result.is_unattempted) {
        reconnect(job);
    }
    if (cargo.content->error()) {
        job.note_content_trouble(*cargo.content->error());
    } else if (result.is_unattempted) {
        job.return_chunk(cargo.chunk);
        return;
    } else {
        const std::vector<Fate> fates = learn(job, result);
        job.apply(cargo.chunk, result, fates);
        if (std::ranges::any_of(result.outcomes, is_delivered)) {
            has_delivered_ = true;
            note_success(cargo.begun);
        }
    }
    settle(job);
}

/// Complete, unless something of it is still to be sent.
void SiteSession::settle(SiteJob& job) {
    const bool is_under_way =
        std::ranges::any_of(under_way_, [&](const Cargo& cargo) { return cargo.job == &job; });
    if (!is_under_way && !job.has_open()) {
        std::erase(jobs_, &job);
        job.complete();
    }
}

/// What the transaction teaches of the site, and what becomes of each recipient for now.
std::vector<Fate> SiteSession::learn(SiteJob& job, smtp::TransactionResult& result) {
    std::vector<Fate> fates(result.outcomes.size(), Fate::as_result);
    const bool is_ipv6 = open_->session.peer().is_ipv6();
    const auto accepted = static_cast<std::size_t>(std::ranges::count(
        result.outcomes, mail::OutcomeKind::delivered, &mail::RecipientOutcome::kind
    ));
    for (std::size_t i = 0; i < fates.size(); ++i) {
        mail::RecipientOutcome& outcome = result.outcomes[i];
        if (is_without_require_tls(job, outcome) && !site_.peers_to_try(job).empty()) {
            fates[i] = Fate::other_host;  // RFC 8689 4.2.1: another one may offer it
            must_move_ = true;
            continue;
        }
        if (outcome.kind == mail::OutcomeKind::delivered || outcome.reply_code == 0) {
            continue;
        }
        const diagnose::Ruling ruling = job.services().rules.rule(outcome, accepted);
        site_.heed(ruling, outcome, is_ipv6);
        const bool may_move = !site_.peers_to_try(job).empty();
        const bool needs_tls = ruling.is_tls_required && open_->session.tls_text().empty();
        if (ruling.is_too_many_recipients && accepted > 0) {
            fates[i] = Fate::again;
        } else if ((ruling.other_family.count() > 0 || ruling.is_next_host) && may_move) {
            fates[i] = Fate::other_host;
            must_move_ = true;
            tell(job.services(), ruling, outcome);
        } else if (ruling.is_reconnect && has_delivered_) {
            fates[i] = Fate::other_host;  // or this one, again
            must_move_ = true;
            reconnect(job);
        } else if (needs_tls && !was_moved_for_tls_) {
            fates[i] = Fate::other_host;
            was_moved_for_tls_ = must_move_ = true;
            std::erase(job.tried, open_->session.peer().text());
        }
        if (fates[i] != Fate::as_result) {
            diagnose::apply(ruling, outcome);  // what another host says is set against it
        }
    }
    return fates;
}

/// The session is over, not the host's patience: what is left of the job goes to it again. Not
/// without a delivery before each time, or that could go on for ever.
void SiteSession::reconnect(SiteJob& job) {
    if (has_delivered_) {
        try_again(job);
    }
}

void SiteSession::try_again(SiteJob& job) {
    std::erase(job.tried, open_->session.peer().text());
}

void SiteSession::note_success(SteadyTime begun) {
    const SteadyTime now = site_.sites().now();
    site_.note_duration(now - begun);
    site_.control().delivered(now);
    site_.pump();
}

}  // namespace mxpost::deliver
