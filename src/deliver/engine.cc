#include "deliver/engine.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <exception>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include "deliver/routes.h"
#include "deliver/sites.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kMaxActive = 1000;  // messages in work: each holds a descriptor or two
/// … of one box, where there are others: what its owner's programs or a slow site keep in work is
/// nobody else's delay.
constexpr std::size_t kMaxActiveOfOne = 750;
/// From here on messages are only looked at so fast: most of what is in work waits for slow sites,
/// and of those for which that is so more would only be opened and parked; but behind them there
/// may be mail for others.
constexpr std::size_t kMaxActiveUnbounded = 500;
constexpr double kLooksPerSecond = 2000;
constexpr double kMostLooks = 100;
constexpr std::chrono::milliseconds kLookAgainAfter{2};  // what is new may be for a quick site
constexpr std::size_t kMostAtOnce = 32;  // messages begun before others' events get their turn
constexpr std::chrono::milliseconds kTick{1000};
constexpr std::chrono::milliseconds kQuickTick{100};  // while a box's lock is awaited
constexpr std::chrono::seconds kLingerWhenEmpty{10};  // on demand: for the rest of a burst
constexpr int kClaimTries = 12;                       // with doubling waits: about 4 s
constexpr std::chrono::seconds kFailedAgainAfter{60};
constexpr std::chrono::seconds kMemoryAgainAfter{1};
constexpr std::size_t kSmall = 64U << 10;      // messages that always have room in memory
constexpr std::chrono::minutes kCopyHeld{10};  // for a restart of this host to be over

QueueLimits queue_limits(const config::Settings& settings) {
    QueueLimits limits;
    limits.messages = settings.max_queued_messages;
    limits.octets = settings.max_queued_size;
    limits.recipients = settings.max_queued_recipients;
    return limits;
}

/// Half of the descriptors, two for each box: the other half is for delivery.
std::size_t most_boxes() {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<std::size_t>(limit.rlim_cur) / 4
                                                   : 256;
}

/// About what a message in work takes: its header is there as stored, as completed and as signed.
std::size_t memory_of(const spool::Claim& claim) {
    constexpr std::size_t kOfRecipient = 1024;
    return 3 * claim.header().size() + kOfRecipient * claim.envelope().recipients.size();
}

bool is_ignored(int signal) {
    struct sigaction action {};
    return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

void throw_on(const std::exception_ptr& error) {
    if (error) {
        std::rethrow_exception(error);
    }
}

}  // namespace

Engine::Engine(asio::io_context& io, FileSystem& files, Services& services, EngineOptions options)
    : io_(io),
      services_(services),
      options_(std::move(options)),
      boxes_(
          io.get_executor(),
          files,
          services.clock,
          services.random,
          services.log,
          options_.role == EngineRole::system,
          queue_limits(services.settings),
          most_boxes()
      ),
      errands_(io.get_executor(), options_.threads),
      removals_(io.get_executor(), errands_, services.log),
      parking_(services),
      tick_(io),
      signals_(io, SIGTERM, SIGINT) {
    if (!is_ignored(SIGHUP)) {  // nohup
        signals_.add(SIGHUP);
    }
}

void Engine::adopt(spool::Box box) {
    boxes_.adopt(std::move(box));
}

void Engine::run() {
    services_.sites.on_room([this](std::uint32_t lane, std::size_t count) {
        parking_.unpark(lane, count);
        dispatch_soon();
    });
    if (options_.role != EngineRole::on_demand) {
        boxes_.find(options_.spools);
        boxes_.try_locks();
    }
    const auto on_news = [this] {
        dispatch();
        if (options_.role == EngineRole::once && !boxes_.is_looking()) {
            tick_.cancel();  // that may have been all
        }
    };
    asio::co_spawn(io_, on_signals(), throw_on);
    asio::co_spawn(io_, on_tick(), throw_on);
    asio::co_spawn(io_, boxes_.watch(on_news, [this] { boxes_.try_locks(); }), throw_on);
    dispatch();
    io_.run();
}

asio::awaitable<void> Engine::on_signals() {
    const auto [error, number] = co_await signals_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) {
        co_return;
    }
    stop("told to end");
    const auto [again, second] = co_await signals_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!again) {
        services_.log.warning("told to end again: open transactions are cut off");
        is_cut_off_ = true;
        io_.stop();
    }
}

asio::awaitable<void> Engine::on_tick() {
    while (!is_ended_) {
        services_.sites.tidy();
        parking_.unpark_forgotten(kMaxActiveUnbounded);
        if (options_.role == EngineRole::on_demand && boxes_.is_wanted_by_system()) {
            stop("a system engine takes over");
        }
        if (!is_stopping_) {
            boxes_.try_locks();
            boxes_.rescan(options_.spools);
            std::ranges::for_each(boxes_.boxes(), [this](const auto& box) { report_limits(*box); });
            boxes_.agenda().wake_implausible(implausible_now());
            dispatch();
        }
        if (observer_) {
            observer_();
        }
        if (is_finished()) {
            end();
            co_return;
        }
        const bool is_awaiting_lock =
            options_.role == EngineRole::system && boxes_.is_waiting_for_lock();
        tick_.expires_after(is_awaiting_lock ? kQuickTick : kTick);
        co_await tick_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

DueIndex::IsImplausible Engine::implausible_now() const {
    return [this, now = services_.clock.now()](std::chrono::sys_seconds due) {
        return schedule::is_implausible_due(due, now, services_.retry);
    };
}

void Engine::dispatch() {
    // In turn, so that one user's flood doesn't keep others waiting.
    for (std::size_t begun = 0; !is_stopping_; ++begun) {
        if (begun == kMostAtOnce) {
            dispatch_soon();
            return;
        }
        ServedBox* const box = boxes_.agenda().next(to_seconds(services_.clock.now()));
        if (box == nullptr) {
            return;
        }
        if (boxes_.boxes().size() > 1 && box->index().active() >= kMaxActiveOfOne) {
            boxes_.agenda().rest_until_fewer(*box, kMaxActiveOfOne);
            continue;
        }
        if (!may_begin()) {
            if (!std::exchange(is_dispatch_timed_, true)) {
                asio::co_spawn(io_, dispatch_later(), throw_on);
            }
            return;
        }
        if (!dispatch_from(*box)) {
            boxes_.agenda().rest(*box);
        }
    }
}

/// After what is ready by then.
void Engine::dispatch_soon() {
    if (!std::exchange(is_dispatch_posted_, true)) {
        asio::post(io_, [this] {
            is_dispatch_posted_ = false;
            dispatch();
        });
    }
}

/// May one more message be begun?
bool Engine::may_begin() {
    if (boxes_.active() < kMaxActiveUnbounded) {
        return true;
    }
    const SteadyTime now = services_.clock.steady_now();
    const std::chrono::duration<double> passed = now - looks_counted_;
    looks_counted_ = now;
    looks_ = std::min(kMostLooks, looks_ + passed.count() * kLooksPerSecond);
    if (boxes_.active() >= kMaxActive || looks_ < 1) {
        return false;
    }
    looks_ -= 1;
    return true;
}

/// There are more, but see may_begin().
asio::awaitable<void> Engine::dispatch_later() {
    asio::steady_timer timer(io_, kLookAgainAfter);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    is_dispatch_timed_ = false;
    dispatch();
}

bool Engine::dispatch_from(ServedBox& box) {
    if (!box.is_served()) {
        return false;
    }
    const auto now = to_seconds(services_.clock.now());
    auto name = box.index().take_due(now, implausible_now());
    if (!name) {
        return false;
    }
    asio::co_spawn(io_, work(box, std::move(*name)), throw_on);
    return true;
}

asio::awaitable<std::unique_ptr<spool::Claim>> Engine::claim(
    ServedBox& box, const spool::EntryName& name
) {
    std::chrono::milliseconds wait{1};
    for (int attempt = 0; attempt < kClaimTries; ++attempt) {
        spool::ClaimResult result = box.store().claim(name);
        if (result.refusal != spool::ClaimRefusal::failed || result.claim) {
            box.forget_trouble(name.id);
        }
        if (result.claim) {
            co_return std::move(result.claim);
        }
        switch (result.refusal) {
            case spool::ClaimRefusal::gone:
                box.index().finish(name.id, std::nullopt);
                co_return nullptr;
            case spool::ClaimRefusal::set_aside:
                report_set_aside(box, name.id, result.reason);
                removals_.note(box);
                box.index().finish(name.id, std::nullopt);
                co_return nullptr;
            case spool::ClaimRefusal::failed:
                if (box.is_news(name.id, result.reason)) {
                    services_.log.error(
                        name.id + ": can't be read, trying later: " + result.reason
                    );
                }
                box.index().finish_until(
                    name, to_seconds(services_.clock.now()) + kFailedAgainAfter
                );
                co_return nullptr;
            case spool::ClaimRefusal::busy:
                break;
        }
        // Most often its submitter, who is about to let go.
        asio::steady_timer timer(io_, wait);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        wait = std::min<std::chrono::milliseconds>(wait * 2, std::chrono::seconds(1));
    }
    box.index().finish(name.id, name);
    co_return nullptr;
}

bool Engine::has_memory_for(const spool::Claim& claim) const {
    const std::size_t memory = memory_of(claim);
    return memory <= kSmall || memory_ == 0 || memory_ + memory <= options_.most_memory;
}

/// Claimed, and nothing speaks against an attempt now; null: the index knows when to look again.
asio::awaitable<std::unique_ptr<spool::Claim>> Engine::take(
    ServedBox& box, const spool::EntryName& name
) {
    auto claimed = co_await claim(box, name);
    if (claimed && !has_memory_for(*claimed)) {
        // Not read again before there is room: hundreds that wait would keep the loop busy.
        const std::size_t memory = memory_of(*claimed);
        claimed.reset();
        asio::steady_timer timer(io_);
        while (!is_stopping_ && memory_ > 0 && memory_ + memory > options_.most_memory) {
            timer.expires_after(kMemoryAgainAfter);
            co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        }
        memory_ += memory;  // so that no other one takes it meanwhile
        claimed = co_await claim(box, name);
        memory_ -= memory;
    }
    if (claimed && is_stopping_) {  // told to end meanwhile
        box.index().finish(name.id, claimed->name());
        claimed.reset();
        tick_.cancel();
        co_return nullptr;
    }
    if (!claimed || !admit(box, *claimed)) {
        claimed.reset();
        dispatch_soon();
        co_return nullptr;
    }
    Requests requests(box, services_);
    if (const auto first = requests.before_attempt(*claimed); first != Requests::Next::go_on) {
        settle(box, *claimed, first);
        claimed.reset();
        dispatch();
        co_return nullptr;
    }
    if (parking_.park(box, *claimed)) {
        claimed.reset();
        dispatch_soon();
        co_return nullptr;
    }
    co_return std::move(claimed);
}

asio::awaitable<void> Engine::work(ServedBox& box, spool::EntryName name) {
    auto claimed = co_await take(box, name);
    if (!claimed) {
        co_return;
    }
    auto is_withdrawn = [&box, id = name.id] { return box.is_withdrawn(id); };
    MessageDelivery delivery(
        services_, *this, std::move(claimed), Finality::keep_trying, std::move(is_withdrawn)
    );
    deliveries_.push_back(&delivery);
    const std::size_t memory = memory_of(delivery.claim());
    memory_ += memory;
    std::optional<spool::EntryName> next;
    std::string bug;
    try {
        next = co_await delivery.run();
    } catch (const std::exception& exception) {
        bug = exception.what();
    }
    std::erase(deliveries_, &delivery);
    memory_ -= memory;
    if (!bug.empty()) {
        // A broken promise of ours (or no memory): this message stays, others go on.
        services_.log.error(name.id + ": internal error, the message stays: " + bug);
        next = delivery.claim().name();
    }
    if (delivery.is_removed()) {
        errands_.close(delivery.take_file());  // at the latest with the sync that is noted here
        removals_.note(box);
    }
    ++(next ? kept_ : gone_);
    Requests requests(box, services_);
    if (next) {
        const auto not_before = delivery.unnamed_due().value_or(std::chrono::sys_seconds());
        settle(box, delivery.claim(), requests.after_attempt(delivery.claim()), not_before);
    } else {
        if (box.take_asked(name.id)) {
            requests.forget(name.id);
        }
        finish(box, name.id, next);
    }
    dispatch_soon();
    if (is_stopping_ || options_.role == EngineRole::once) {
        tick_.cancel();  // this may have been the last one
    }
}

/// Within the limits of its owner's queue? Else the message waits, and says so.
bool Engine::admit(ServedBox& box, spool::Claim& claim) {
    const Weight weight{
        claim.content_size(), static_cast<std::uint32_t>(claim.envelope().recipients.size())};
    if (box.index().admit(claim.name().id, weight)) {
        return true;
    }
    const std::string note =
        "this user's queue is larger than max-queued-size or max-queued-recipients allows: the "
        "message waits until others are done";
    if (claim.journal().note != note) {
        if (auto noted = claim.append({spool::NoteRecord{services_.clock.now(), note}}); !noted) {
            services_.log.warning(
                claim.name().id + ": can't note why it waits: " + noted.error().message()
            );
        }
    }
    box.index().park(claim.name());
    return false;
}

void Engine::report_set_aside(
    ServedBox& box, const spool::MessageId& id, const std::string& reason
) {
    const std::string line = box.set_aside_line(id, reason, services_.clock.steady_now());
    if (!line.empty()) {
        services_.log.error(line);
    }
}

/// Once, until the box has been within its limits again.
void Engine::report_limits(ServedBox& box) {
    if (!box.index().is_over_limits()) {
        box.is_limit_reported = false;
    } else if (!std::exchange(box.is_limit_reported, true)) {
        services_.log.warning(
            box.store().label() +
            ": more is queued than max-queued-messages, max-queued-size or max-queued-recipients "
            "allows: the rest waits until some of it is done"
        );
    }
}

/// `not_before`: where the name should say so, but doesn't.
void Engine::finish(
    ServedBox& box,
    const spool::MessageId& id,
    const std::optional<spool::EntryName>& next,
    std::chrono::sys_seconds not_before
) {
    const WallTime now = services_.clock.now();
    if (next && (WallTime(next->due) <= now ||
                 schedule::is_implausible_due(next->due, now, services_.retry))) {
        // It could not be worked on, renamed or removed: it must not come back at once, over and
        // over.
        box.index().finish_until(*next, std::max(not_before, to_seconds(now) + kFailedAgainAfter));
    } else {
        box.index().finish(id, next);
    }
}

/// A message goes back into the schedule, or out of it, as was asked for.
void Engine::settle(
    ServedBox& box,
    const spool::Claim& claim,
    Requests::Next next,
    std::chrono::sys_seconds not_before
) {
    const spool::EntryName& name = claim.name();
    switch (next) {
        case Requests::Next::go_on:
        case Requests::Next::wait:
            finish(box, name.id, name, not_before);
            break;
        case Requests::Next::due_now:
            box.index().finish(name.id, name);
            break;
        case Requests::Next::gone:
            removals_.note(box);
            box.index().finish(name.id, std::nullopt);
            break;
    }
}

RunFigures Engine::figures() const {
    const auto now = to_seconds(services_.clock.now());
    RunFigures figures;
    for (const auto& box : boxes_.boxes()) {
        figures.left += box->is_served() ? box->index().count_due(now) : 0;
    }
    figures.active = boxes_.active();
    figures.left += figures.active;
    figures.gone = gone_;
    figures.kept = kept_;
    return figures;
}

bool Engine::is_finished() {
    if (boxes_.active() > 0 || (companion_ != nullptr && !companion_->is_finished())) {
        return false;
    }
    if (is_stopping_) {
        return true;
    }
    switch (options_.role) {
        case EngineRole::on_demand:
            return is_idle_long_enough() && !has_work_after_letting_go();
        case EngineRole::once:
            return !boxes_.is_looking() &&
                   std::ranges::none_of(
                       boxes_.boxes(),
                       [this](const auto& box) { return box->is_served() && has_due(*box); }
                   ) &&
                   !has_work_after_letting_go();
        case EngineRole::system:
            break;
    }
    return false;
}

bool Engine::is_idle_long_enough() {
    const SteadyTime now = services_.clock.steady_now();
    if (!boxes_.is_empty()) {
        empty_since_.reset();
        return false;
    }
    // Messages that came and went between two looks count, too: their sessions are warm.
    if (!empty_since_ || gone_ + kept_ != done_when_empty_) {
        empty_since_ = now;
        done_when_empty_ = gone_ + kept_;
    }
    return now - *empty_since_ >= kLingerWhenEmpty;
}

/// For an engine that ends when all is done.
bool Engine::has_due(const ServedBox& box) const {
    const auto due = box.index().next_due();
    return (due && *due <= to_seconds(services_.clock.now())) || box.index().is_incomplete();
}

/// Lets go first and looks afterwards: whoever commits after the look finds the lock free. True
/// when something had come, and this engine has the lock again.
bool Engine::has_work_after_letting_go() {
    empty_since_.reset();
    bool has_found = false;
    for (const auto& box : boxes_.boxes()) {
        removals_.sync(*box);
        if (!box->is_served()) {
            continue;
        }
        box->release();
        const bool is_scanned = box->scan(to_seconds(services_.clock.now())).has_value();
        // A `once` run leaves what it has seen before, or a request that can't be taken away would
        // keep it here.
        const bool has_work = options_.role == EngineRole::on_demand
                                  ? !box->index().is_empty()
                                  : box->has_met_new() && has_due(*box);
        if (is_scanned && has_work) {
            const auto serves = box->try_serve();
            has_found |= serves && *serves;
        }
    }
    return has_found;
}

void Engine::stop(const char* why) {
    if (is_stopping_) {
        return;
    }
    is_stopping_ = true;
    boxes_.stop_scans();
    services_.log.info(std::string("engine ends: ") + why);
    for (MessageDelivery* delivery : deliveries_) {
        delivery->stop();
    }
    services_.routes.stop();
    services_.local_agent.stop();
    services_.sites.stop();
    if (companion_ != nullptr) {
        companion_->stop();
    }
    tick_.cancel();
}

void Engine::end() {
    is_ended_ = true;
    is_stopping_ = true;
    for (const auto& box : boxes_.boxes()) {
        removals_.sync(*box);
        box->release();
    }
    // run() returns when the QUITs are through: nothing else is left to wait for.
    services_.sites.stop();
    signals_.cancel();
    boxes_.close();
}

bool Engine::has(const spool::MessageId& id) {
    bool is_found = false;
    if (ServedBox* box = boxes_.find_own()) {
        if (box->is_served() && box->index().is_known(id)) {
            return true;
        }
        (void)box->store().list([&](const spool::EntryName& name) { is_found |= name.id == id; }
        ).has_value();
    }
    return is_found;
}

Result<std::unique_ptr<spool::Claim>> Engine::submit(
    const dsn::Report& report, const spool::MessageId& id
) {
    auto box = boxes_.own_box(options_.own_spool);
    if (!box) {
        return box.error();
    }
    const auto due = to_seconds(services_.clock.now());
    return (*box)->store().submit(id, report.envelope, report.header, report.body, due);
}

Result<std::unique_ptr<spool::Claim>> Engine::submit_copy(
    const spool::MessageId& id,
    const mail::Envelope& envelope,
    const std::string& header,
    const spool::BodySource& body
) {
    auto box = boxes_.own_box(options_.own_spool);
    if (!box) {
        return box.error();
    }
    const spool::Box& directory = (*box)->store().box();
    // What mailboxes forward is nobody's submission, and obeys what submissions have to.
    const auto space = services_.files.space(directory.directory());
    if (!space) {
        return space.error();
    }
    if (space->free_bytes < services_.settings.min_free_space) {
        return Error::from_errno(ENOSPC, directory.path());
    }
    const auto due = to_seconds(services_.clock.now()) + kCopyHeld;
    return (*box)->store().submit_stream(id, envelope, header, body, due);
}

/// An on-demand engine puts a copy beside its original, the system engine into its own box. Only
/// these are looked through: another user's file with such a name says nothing.
bool Engine::has_copy(const spool::MessageId& id, uid_t submitter) {
    (void)boxes_.own_box(options_.own_spool).has_value();  // it may not be among these yet
    return std::ranges::any_of(boxes_.boxes(), [&](const auto& box) {
        const uid_t owner = box->store().owner();
        return (owner == ::geteuid() || owner == submitter) && box->has(id);
    });
}

Result<const spool::Box*> Engine::own_box() {
    const auto box = boxes_.own_box(options_.own_spool);
    return box ? Result<const spool::Box*>(&(*box)->store().box()) : box.error();
}

std::size_t Engine::queued() {
    ServedBox* const box = boxes_.find_own();
    return box == nullptr ? 0 : box->index().waiting() + box->index().active();
}

void Engine::expect(const spool::MessageId& id) {
    if (ServedBox* box = boxes_.find_own()) {
        box->index().reserve(id);
    }
}

void Engine::accepted(const spool::EntryName& name) {
    if (ServedBox* box = boxes_.find_own()) {
        // Where another engine has the box, that one has seen it.
        box->index().finish(name.id, box->is_served() ? std::optional(name) : std::nullopt);
        dispatch();
    }
}

void Engine::withdrawn(const spool::MessageId& id) {
    if (ServedBox* box = boxes_.find_own()) {
        box->index().finish(id, std::nullopt);
    }
}

void Engine::release(std::unique_ptr<spool::Claim> report) {
    const auto now = to_seconds(services_.clock.now());
    if (report->name().due > now) {
        // A copy. Should this fail, it goes when its time has come.
        if (auto renamed = report->postpone(now); !renamed) {
            services_.log.warning(
                report->name().id + ": can't note the due time: " + renamed.error().message()
            );
        }
    }
    const spool::EntryName name = report->name();
    report.reset();
    ServedBox* const box = boxes_.find_own();
    if (box == nullptr) {
        return;
    }
    if (box->is_served()) {
        box->index().saw(name);
        dispatch();
    } else {
        boxes_.try_lock(*box);
    }
}

}  // namespace mxpost::deliver
