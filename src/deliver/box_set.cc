#include "deliver/box_set.h"

#include <algorithm>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fcntl.h>
#include <unistd.h>

#include "spool/tidy.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kScanWithWatch{60};  // a safety net
constexpr std::chrono::seconds kScanWithoutWatch{2};

}  // namespace

BoxSet::BoxSet(
    const asio::any_io_executor& executor,
    FileSystem& files,
    const Clock& clock,
    Random& random,
    Log& log,
    bool is_system,
    QueueLimits limits
)
    : files_(files),
      clock_(clock),
      random_(random),
      log_(log),
      is_system_(is_system),
      limits_(limits),
      stream_(executor),
      last_full_scan_(clock.steady_now()),
      last_scan_(clock.steady_now()) {
    auto watch = spool::Watch::open();
    if (watch) {
        watch_ = std::move(*watch);
        // A copy of the descriptor: the stream closes its own.
        stream_.assign(::fcntl(watch_->fd(), F_DUPFD_CLOEXEC, 0));
    } else {
        log_.warning("no inotify, scanning instead: " + watch.error().message());
    }
}

ServedBox& BoxSet::add(spool::Box box) {
    boxes_.push_back(std::make_unique<ServedBox>(files_, std::move(box), is_system_, limits_));
    return *boxes_.back();
}

void BoxSet::adopt(spool::Box box) {
    ServedBox& served = add(std::move(box));
    served.adopt_lock();
    start_serving(served);
}

void BoxSet::find(const std::vector<std::string>& roots) {
    for (const std::string& root : roots) {
        auto directory = files_.open(AT_FDCWD, root, O_RDONLY | O_DIRECTORY);
        if (!directory) {
            continue;  // it may come later: the next scan looks again
        }
        const auto status = files_.fstat(directory->get());
        const bool is_owner = status && status->st_uid == ::geteuid();
        if (is_system_ && watch_) {
            const auto number = watch_->add_directory(directory->get());
            if (number && std::ranges::find(root_watches_, *number) == root_watches_.end()) {
                root_watches_.push_back(*number);
            }
        }
        if (is_owner) {
            tidy(root);
        }
        std::vector<std::string> closed;
        const uid_t owner = is_owner ? spool::kAnyOwner : ::geteuid();
        auto found = spool::list_boxes(files_, root, owner, &closed);
        if (!found) {
            log_.warning("can't list " + root + ": " + found.error().message());
            continue;
        }
        for (spool::Box& box : *found) {
            const bool is_known = std::ranges::any_of(boxes_, [&](const auto& served) {
                return served->store().box().path() == box.path();
            });
            if (is_known) {
                continue;
            }
            if (!box.is_shared() && box.owner() != ::geteuid()) {
                closed.push_back(box.path());
            }
            add(std::move(box));
        }
        report_closed(closed);
    }
}

/// Once each: its mail waits until an engine of its owner's comes.
void BoxSet::report_closed(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
        if (reported_.insert(path).second) {
            log_.warning(
                "box " + path + " isn't open to this engine's group: only its owner's can serve it"
            );
        }
    }
}

void BoxSet::tidy(const std::string& root) {
    const auto tell = [this](std::string_view line) { log_.warning(line); };
    if (auto done = spool::tidy_root(files_, root, clock_.now(), random_, tell); !done) {
        log_.warning("can't tidy " + root + ": " + done.error().message());
    }
}

void BoxSet::try_locks() {
    for (const auto& box : boxes_) {
        if (!box->is_served()) {
            const auto serves = box->try_serve();
            if (serves && *serves) {
                start_serving(*box);
            }
        }
    }
}

void BoxSet::start_serving(ServedBox& box) {
    // First the watch, then the scan: so that nothing falls between the two.
    if (watch_) {
        const auto number = watch_->add_directory(box.store().box().directory());
        box.watch = number ? *number : -1;
        if (!number) {
            log_.warning(box.store().label() + ": scanning instead: " + number.error().message());
        }
    }
    scan(box);
    if (const std::size_t removed = box.store().remove_leftovers(clock_.now()); removed > 0) {
        log_.info(
            box.store().label() + ": removed " + std::to_string(removed) + " unfinished files"
        );
    }
}

void BoxSet::scan(ServedBox& box) {
    if (auto scanned = box.scan(to_seconds(clock_.now())); !scanned) {
        log_.error(box.store().label() + ": " + scanned.error().message());
    }
}

void BoxSet::rescan(const std::vector<std::string>& roots) {
    for (const auto& box : boxes_) {
        if (box->is_served() && box->index().is_incomplete()) {
            scan(*box);
        }
    }
    const SteadyTime now = clock_.steady_now();
    const bool is_full = has_lost_events_ || now - last_full_scan_ >= kScanWithWatch;
    const bool is_short = now - last_scan_ >= kScanWithoutWatch;
    if (!is_full && !is_short) {
        return;
    }
    for (const auto& box : boxes_) {
        if (box->is_served() && (is_full || box->watch < 0)) {
            scan(*box);
        }
    }
    if (is_system_ && (is_full || root_watches_.empty())) {
        find(roots);
    }
    last_scan_ = now;
    if (is_full) {
        last_full_scan_ = now;
        has_lost_events_ = false;
    }
}

Result<ServedBox*> BoxSet::own_box(const std::string& root) {
    if (ServedBox* box = find_own()) {
        return box;
    }
    auto opened = spool::open_own_box(files_, root, ::geteuid(), clock_, random_);
    if (!opened) {
        return opened.error();
    }
    ServedBox& box = add(std::move(*opened));
    const auto serves = box.try_serve();
    if (serves && *serves) {
        start_serving(box);
    }  // else the engine that has it sees what comes
    return &box;
}

ServedBox* BoxSet::find_own() {
    const auto found = std::ranges::find_if(boxes_, [](const auto& box) {
        return box->store().owner() == ::geteuid();
    });
    return found == boxes_.end() ? nullptr : found->get();
}

asio::awaitable<void> BoxSet::watch(
    std::function<void()> on_news, std::function<void()> on_new_box
) {
    while (stream_.is_open()) {
        const auto [error] = co_await stream_.async_wait(
            asio::posix::stream_descriptor::wait_read, asio::as_tuple(asio::use_awaitable)
        );
        if (error || !stream_.is_open()) {
            co_return;
        }
        if (take_events()) {
            on_new_box();
        }
        on_news();
    }
}

/// True when a root has a new entry.
bool BoxSet::take_events() {
    const auto happened = watch_->read();
    if (!happened || happened->is_overflown) {
        has_lost_events_ = true;
        return false;
    }
    bool has_new_box = false;
    for (const spool::Watch::Event& event : happened->events) {
        has_new_box |= std::ranges::find(root_watches_, event.watch) != root_watches_.end();
        const auto box = std::ranges::find_if(boxes_, [&](const auto& served) {
            return served->watch == event.watch && served->is_served();
        });
        if (box == boxes_.end()) {
            continue;
        }
        if (const auto name = spool::EntryName::parse(event.name)) {
            (*box)->index().saw(*name);
        } else if (const auto request = spool::Request::parse(event.name)) {
            (*box)->saw_request(*request, to_seconds(clock_.now()));
        }
    }
    return has_new_box;
}

void BoxSet::close() {
    if (stream_.is_open()) {
        stream_.close();
    }
}

std::size_t BoxSet::active() const {
    std::size_t count = 0;
    for (const auto& box : boxes_) {
        count += box->index().active();
    }
    return count;
}

bool BoxSet::is_empty() const {
    return std::ranges::all_of(boxes_, [](const auto& box) { return box->index().is_empty(); });
}

bool BoxSet::is_waiting_for_lock() const {
    return std::ranges::any_of(boxes_, [](const auto& box) { return !box->is_served(); });
}

bool BoxSet::is_wanted_by_system() const {
    return std::ranges::any_of(boxes_, [](const auto& box) { return box->is_wanted_by_system(); });
}

}  // namespace mxpost::deliver
