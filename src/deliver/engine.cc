#include "deliver/engine.h"

#include <algorithm>
#include <csignal>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fcntl.h>
#include <unistd.h>

#include "spool/tidy.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kMaxActive = 400;  // messages being worked on: each holds a descriptor or two
constexpr std::chrono::milliseconds kTick{1000};
constexpr std::chrono::milliseconds kQuickTick{100};  // while a box's lock is awaited
constexpr std::chrono::seconds kScanWithWatch{60};    // a safety net
constexpr std::chrono::seconds kScanWithoutWatch{2};
constexpr std::chrono::seconds kLingerWhenEmpty{10};         // on demand: for the rest of a burst
constexpr std::chrono::milliseconds kRemovalSyncWithin{40};  // design 4 promises 50 ms
constexpr std::size_t kMaxUnsyncedRemovals = 100;
constexpr int kClaimTries = 12;  // with doubling waits: about 4 s
constexpr std::chrono::seconds kBusyAgainAfter{5};
constexpr std::chrono::seconds kFailedAgainAfter{60};

void throw_on(const std::exception_ptr& error) {
    if (error) {
        std::rethrow_exception(error);
    }
}

}  // namespace

Engine::Engine(asio::io_context& io, FileSystem& files, Services& services, EngineOptions options)
    : io_(io),
      files_(files),
      services_(services),
      options_(std::move(options)),
      watch_stream_(io),
      tick_(io),
      signals_(io, SIGTERM, SIGINT) {
    if (auto watch = spool::Watch::open()) {
        watch_ = std::move(*watch);
        // A copy of the descriptor: the stream closes its own.
        watch_stream_.assign(::fcntl(watch_->fd(), F_DUPFD_CLOEXEC, 0));
    } else {
        services_.log.warning("no inotify, scanning instead: " + watch.error().message());
    }
}

void Engine::adopt(spool::Box box) {
    boxes_.push_back(std::make_unique<ServedBox>(files_, std::move(box), false));
    boxes_.back()->adopt_lock();
    start_serving(*boxes_.back());
}

void Engine::run() {
    if (options_.role != EngineRole::on_demand) {
        find_boxes();
        try_boxes();
    }
    asio::co_spawn(io_, on_signals(), throw_on);
    asio::co_spawn(io_, on_tick(), throw_on);
    if (watch_) {
        asio::co_spawn(io_, on_watch(), throw_on);
    }
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
        io_.stop();
    }
}

asio::awaitable<void> Engine::on_watch() {
    while (!is_ended_) {
        const auto [error] = co_await watch_stream_.async_wait(
            asio::posix::stream_descriptor::wait_read, asio::as_tuple(asio::use_awaitable)
        );
        if (error || is_ended_) {
            co_return;
        }
        const auto happened = watch_->read();
        if (!happened || happened->is_overflown) {
            last_scan_ = SteadyTime{};  // with the next tick
            tick_.cancel();
            continue;
        }
        bool has_new_box = false;
        for (const spool::Watch::Event& event : happened->events) {
            has_new_box |= std::find(root_watches_.begin(), root_watches_.end(), event.watch) !=
                           root_watches_.end();
            const auto name = spool::EntryName::parse(event.name);
            const auto box = std::find_if(boxes_.begin(), boxes_.end(), [&](const auto& served) {
                return served->watch == event.watch && served->is_served();
            });
            if (name && box != boxes_.end()) {
                (*box)->index().saw(*name);
            }
        }
        if (has_new_box) {
            find_boxes();
            try_boxes();
        }
        dispatch();
    }
}

asio::awaitable<void> Engine::on_tick() {
    while (true) {
        services_.sites.reap(false);
        if (!is_stopping_) {
            try_boxes();
            rescan_where_due();
            dispatch();
        }
        if (is_finished()) {
            end();
            co_return;
        }
        const bool is_waiting_for_lock =
            options_.role == EngineRole::system &&
            std::any_of(boxes_.begin(), boxes_.end(), [](const auto& box) {
                return !box->is_served();
            });
        // `once` ends as soon as its work is done, not with the next second.
        const bool is_quick = is_waiting_for_lock || options_.role == EngineRole::once;
        tick_.expires_after(is_quick ? kQuickTick : kTick);
        co_await tick_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

void Engine::find_boxes() {
    for (const std::string& root : options_.spools) {
        auto directory = files_.open(AT_FDCWD, root, O_RDONLY | O_DIRECTORY);
        if (!directory) {
            continue;  // it may come later: the next scan looks again
        }
        const auto status = files_.fstat(directory->get());
        // Who owns the root serves everybody; any other uid only itself.
        const uid_t self = ::geteuid();
        const bool is_all = status && status->st_uid == self;
        if (options_.role == EngineRole::system && watch_) {
            const auto number = watch_->add_directory(directory->get());
            if (number && std::find(root_watches_.begin(), root_watches_.end(), *number) ==
                              root_watches_.end()) {
                root_watches_.push_back(*number);
            }
        }
        if (is_all) {
            tidy(root);
        }
        auto found = spool::list_boxes(files_, root, is_all ? spool::kAnyOwner : self);
        if (!found) {
            services_.log.warning("can't list " + root + ": " + found.error().message());
            continue;
        }
        for (spool::Box& box : *found) {
            add_box(std::move(box));
        }
    }
}

void Engine::tidy(const std::string& root) {
    const auto tell = [this](std::string_view line) { services_.log.warning(line); };
    const WallTime now = services_.clock.now();
    if (auto done = spool::tidy_root(files_, root, now, services_.random, tell); !done) {
        services_.log.warning("can't tidy " + root + ": " + done.error().message());
    }
}

void Engine::add_box(spool::Box box) {
    const bool is_known = std::any_of(boxes_.begin(), boxes_.end(), [&](const auto& served) {
        return served->store().box().path() == box.path();
    });
    if (is_known) {
        return;
    }
    if (!box.is_shared() && box.owner() != ::geteuid()) {
        services_.log.warning(
            "box " + box.path() +
            " isn't open to this engine's group; only its owner's engine can serve it"
        );
    }
    boxes_.push_back(
        std::make_unique<ServedBox>(files_, std::move(box), options_.role == EngineRole::system)
    );
}

void Engine::try_boxes() {
    for (const auto& box : boxes_) {
        if (box->is_served()) {
            continue;
        }
        const auto serves = box->try_serve();
        if (serves && *serves) {
            start_serving(*box);
        }
    }
}

void Engine::start_serving(ServedBox& box) {
    if (watch_) {
        const auto number = watch_->add_directory(box.store().box().directory());
        box.watch = number ? *number : -1;
        if (!number) {
            services_.log.warning(
                box.store().label() + ": scanning instead: " + number.error().message()
            );
        }
    }
    if (auto scanned = box.scan(); !scanned) {
        services_.log.error(box.store().label() + ": " + scanned.error().message());
    }
    if (const std::size_t removed = box.store().remove_leftovers(services_.clock.now());
        removed > 0) {
        services_.log.info(
            box.store().label() + ": removed " + std::to_string(removed) + " unfinished files"
        );
    }
}

void Engine::rescan_where_due() {
    const SteadyTime now = services_.clock.steady_now();
    const bool is_all_due = last_scan_ == SteadyTime{} || now - last_scan_ >= kScanWithWatch;
    const bool is_unwatched_due = now - last_scan_ >= kScanWithoutWatch;
    if (!is_all_due && !is_unwatched_due) {
        return;
    }
    bool has_unwatched = false;
    for (const auto& box : boxes_) {
        if (box->is_served() && (is_all_due || box->watch < 0)) {
            has_unwatched |= box->watch < 0;
            if (auto scanned = box->scan(); !scanned) {
                services_.log.error(box->store().label() + ": " + scanned.error().message());
            }
        }
    }
    if (options_.role == EngineRole::system && (is_all_due || root_watches_.empty())) {
        find_boxes();
        has_unwatched |= root_watches_.empty();
    }
    if (is_all_due || has_unwatched) {
        last_scan_ = now;
    }
}

std::size_t Engine::active() const {
    std::size_t count = 0;
    for (const auto& box : boxes_) {
        count += box->index().active();
    }
    return count;
}

void Engine::dispatch() {
    if (is_stopping_ || boxes_.empty()) {
        return;
    }
    // In turn, so that one user's flood doesn't keep others waiting.
    std::size_t without_work = 0;
    std::size_t under_way = active();
    while (under_way < kMaxActive && without_work < boxes_.size()) {
        ServedBox& box = *boxes_[next_box_++ % boxes_.size()];
        if (dispatch_from(box)) {
            without_work = 0;
            ++under_way;
        } else {
            ++without_work;
        }
    }
}

bool Engine::dispatch_from(ServedBox& box) {
    if (!box.is_served()) {
        return false;
    }
    const WallTime now = services_.clock.now();
    auto name = box.index().take_due(to_seconds(now), [&](std::chrono::sys_seconds due) {
        return schedule::is_implausible_due(due, now, services_.retry);
    });
    if (!name) {
        return false;
    }
    asio::co_spawn(io_, work(box, std::move(*name)), throw_on);
    return true;
}

asio::awaitable<std::unique_ptr<spool::Claim>> Engine::claim(
    ServedBox& box, spool::EntryName& name
) {
    std::chrono::milliseconds wait{1};
    for (int attempt = 0; attempt < kClaimTries; ++attempt) {
        spool::ClaimResult result = box.store().claim(name);
        if (result.claim) {
            co_return std::move(result.claim);
        }
        switch (result.refusal) {
            case spool::ClaimRefusal::gone:
                box.index().finish(name.id, std::nullopt);
                co_return nullptr;
            case spool::ClaimRefusal::set_aside:
                services_.log.error(
                    name.id + ": set aside in " + box.store().label() + "/corrupt: " + result.reason
                );
                box.index().finish(name.id, std::nullopt);
                co_return nullptr;
            case spool::ClaimRefusal::failed:
                services_.log.error(name.id + ": can't be read, trying later: " + result.reason);
                box.index().finish(
                    name.id, spool::EntryName{name.id, name.due + kFailedAgainAfter}
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

asio::awaitable<void> Engine::work(ServedBox& box, spool::EntryName name) {
    auto claimed = co_await claim(box, name);
    if (!claimed) {
        dispatch();
        co_return;
    }
    MessageDelivery delivery(services_, *this, std::move(claimed), Finality::keep_trying);
    deliveries_.push_back(&delivery);
    auto next = co_await delivery.run();
    std::erase(deliveries_, &delivery);
    if (delivery.is_removed()) {
        note_removal(box);
    }
    box.index().finish(name.id, next);
    dispatch();
    if (is_finished()) {
        tick_.cancel();
    }
}

void Engine::note_removal(ServedBox& box) {
    if (++box.unsynced_removals >= kMaxUnsyncedRemovals) {
        sync_removals(box);
    } else if (!box.is_removal_sync_due) {
        box.is_removal_sync_due = true;
        asio::co_spawn(io_, sync_removals_later(box), throw_on);
    }
}

asio::awaitable<void> Engine::sync_removals_later(ServedBox& box) {
    asio::steady_timer timer(io_, kRemovalSyncWithin);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    box.is_removal_sync_due = false;
    sync_removals(box);
}

void Engine::sync_removals(ServedBox& box) {
    if (box.unsynced_removals == 0) {
        return;
    }
    box.unsynced_removals = 0;
    if (auto synced = box.store().sync_removals(); !synced) {
        services_.log.error(
            box.store().label() + ": removals may not survive a crash (then mail is sent twice): " +
            synced.error().message()
        );
    }
}

bool Engine::is_idle_on_demand() {
    const bool is_wanted = std::any_of(boxes_.begin(), boxes_.end(), [](const auto& box) {
        return box->is_wanted_by_system();
    });
    if (is_wanted && !is_stopping_) {
        stop("a system engine takes over");
    }
    const bool is_empty = std::all_of(boxes_.begin(), boxes_.end(), [](const auto& box) {
        return box->index().is_empty();
    });
    const SteadyTime now = services_.clock.steady_now();
    if (!is_empty) {
        empty_since_ = SteadyTime{};
        return false;
    }
    if (empty_since_ == SteadyTime{}) {
        empty_since_ = now;
    }
    if (now - empty_since_ < kLingerWhenEmpty) {
        return false;
    }
    // Let go first, look afterwards: whoever commits after the look finds the lock free.
    for (const auto& box : boxes_) {
        sync_removals(*box);
        box->release();
    }
    bool is_over = true;
    for (const auto& box : boxes_) {
        (void)box->scan().has_value();
        if (!box->index().is_empty()) {
            const auto serves = box->try_serve();
            is_over &= !(serves && *serves);
        }
    }
    empty_since_ = SteadyTime{};
    return is_over;
}

bool Engine::is_finished() {
    if (active() > 0) {
        return false;
    }
    if (is_stopping_) {
        return true;
    }
    switch (options_.role) {
        case EngineRole::on_demand:
            return is_idle_on_demand() || (is_stopping_ && active() == 0);
        case EngineRole::once: {
            const auto now = to_seconds(services_.clock.now());
            return std::all_of(boxes_.begin(), boxes_.end(), [&](const auto& box) {
                const auto due = box->index().next_due();
                return !box->is_served() || !due || *due > now;
            });
        }
        case EngineRole::system:
            break;
    }
    return false;
}

void Engine::stop(const char* why) {
    if (!is_stopping_) {
        is_stopping_ = true;
        services_.log.info(std::string("engine ends: ") + why);
        for (MessageDelivery* delivery : deliveries_) {
            delivery->stop();
        }
        tick_.cancel();
    }
}

void Engine::end() {
    if (is_ended_) {
        return;
    }
    is_ended_ = true;
    is_stopping_ = true;
    for (const auto& box : boxes_) {
        sync_removals(*box);
        box->release();
    }
    // run() returns when the QUITs are through: nothing else is left to wait for.
    services_.sites.reap(true);
    signals_.cancel();
    if (watch_stream_.is_open()) {
        watch_stream_.close();
    }
}

ServedBox* Engine::own_box() {
    const uid_t self = ::geteuid();
    for (const auto& box : boxes_) {
        if (box->store().owner() == self) {
            return box.get();
        }
    }
    return nullptr;
}

bool Engine::has(const spool::MessageId& id) {
    bool is_found = false;
    if (ServedBox* box = own_box()) {
        (void)box->store().list([&](const spool::EntryName& name) { is_found |= name.id == id; }
        ).has_value();
    }
    return is_found;
}

Result<std::unique_ptr<spool::Claim>> Engine::submit(
    const dsn::Report& report, const spool::MessageId& id
) {
    ServedBox* box = own_box();
    if (box == nullptr) {
        // The first report of an engine that serves another uid's box (root's).
        SystemClock clock;
        auto opened =
            spool::open_own_box(files_, options_.own_spool, ::geteuid(), clock, services_.random);
        if (!opened) {
            return opened.error();
        }
        boxes_.push_back(std::make_unique<ServedBox>(
            files_, std::move(*opened), options_.role == EngineRole::system
        ));
        box = boxes_.back().get();
        const auto serves = box->try_serve();
        if (serves && *serves) {
            start_serving(*box);
        }  // else the engine that has it sees the report come
    }
    return box->store().submit(
        id, report.envelope, report.header, report.body, to_seconds(services_.clock.now())
    );
}

void Engine::release(std::unique_ptr<spool::Claim> report) {
    const spool::EntryName name = report->name();
    report.reset();
    if (ServedBox* box = own_box(); box != nullptr && box->is_served()) {
        box->index().saw(name);
        dispatch();
    }
}

}  // namespace mxpost::deliver
