#include "deliver/box_set.h"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fcntl.h>
#include <unistd.h>

#include "spool/tidy.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kScanWithWatch{60};  // a safety net
constexpr std::chrono::seconds kScanWithoutWatch{2};
// Large queues and many boxes are scanned less often, so that the net never costs more than a
// thousandth of the time (without a watch: a fiftieth).
constexpr std::chrono::microseconds kPerName{1000};
constexpr std::chrono::microseconds kPerNameWithoutWatch{50};
constexpr std::chrono::milliseconds kPerBox{60};
constexpr std::chrono::milliseconds kPerBoxWithoutWatch{1};

// A transaction with a server is some 25 turns of the event loop: with these, a scan of a million
// names adds a hundredth of a second to it, and takes hardly longer for it.
constexpr std::chrono::microseconds kTurn{500};
constexpr std::size_t kNamesPerTurn = 1000;
constexpr std::size_t kNamesPerStep = 100;
constexpr std::size_t kStepItself = 20;  // what opening a directory costs, in names
constexpr std::size_t kMostOpenScans = 8;

// A lock that stays taken: somebody is in the middle of a long transaction.
constexpr int kEagerTries = 10;
constexpr std::chrono::seconds kTryAgainAfter{1};
constexpr std::chrono::seconds kTryBrokenAgainAfter{30};

}  // namespace

BoxSet::BoxSet(
    const asio::any_io_executor& executor,
    FileSystem& files,
    const Clock& clock,
    Random& random,
    Log& log,
    bool is_system,
    QueueLimits limits,
    std::size_t most_boxes
)
    : files_(files),
      clock_(clock),
      random_(random),
      log_(log),
      is_system_(is_system),
      limits_(limits),
      most_boxes_(most_boxes),
      stream_(executor),
      found_at_(clock.steady_now()) {
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
    paths_.insert(box.path());
    boxes_.push_back(
        std::make_unique<ServedBox>(files_, std::move(box), is_system_, limits_, random_.bits())
    );
    cares_.emplace_back();
    ServedBox& added = *boxes_.back();
    agenda_.add(added);
    if (own_ == nullptr && added.store().owner() == ::geteuid()) {
        own_ = &added;
    }
    return added;
}

void BoxSet::adopt(spool::Box box) {
    ServedBox& served = add(std::move(box));
    served.adopt_lock();
    start_serving(served);
}

// ---- finding

void BoxSet::find(const std::vector<std::string>& roots) {
    found_at_ = clock_.steady_now();
    for (const std::string& root : roots) {
        const auto found = find_in(root);
        if (!found && root == roots.front()) {  // the configured one
            report_once(
                root + found.error().message(),
                "no mail is found in the spool " + root + ": " + found.error().message()
            );
        }
    }
}

/// Error: it can't be opened. It may come later: the next scan looks again.
Result<void> BoxSet::find_in(const std::string& root) {
    auto directory = files_.open(AT_FDCWD, root, O_RDONLY | O_DIRECTORY);
    if (!directory) {
        return directory.error();
    }
    const auto status = files_.fstat(directory->get());
    const bool is_owner = status && status->st_uid == ::geteuid();
    if (is_system_ && watch_) {
        if (const auto number = watch_->add_directory(directory->get())) {
            watched_roots_[*number] = {root, is_owner};
        }
    }
    if (is_owner) {
        tidy(root);
    }
    std::vector<std::string> closed;
    const auto visited = spool::visit_boxes(
        files_,
        root,
        is_owner ? spool::kAnyOwner : ::geteuid(),
        [&](const std::string& name) { return wants(root + "/" + name); },
        [&](spool::Box box) { take(std::move(box), closed); },
        &closed
    );
    if (!visited) {
        report_once(
            root + visited.error().message(),
            "can't look at all boxes in " + root + ": " + visited.error().message()
        );
    }
    report_closed(closed);
    return {};
}

/// Not one that is here already.
bool BoxSet::wants(const std::string& path) {
    if (paths_.contains(path)) {
        return false;
    }
    if (boxes_.size() < most_boxes_) {
        return true;
    }
    report_once(
        "too many",
        "serving " + std::to_string(boxes_.size()) +
            " boxes, as many as the limit of open files "
            "(LimitNOFILE) has room for: other users' mail is left to engines of their own"
    );
    return false;
}

void BoxSet::take(spool::Box box, std::vector<std::string>& closed) {
    if (!box.is_shared() && box.owner() != ::geteuid() && ::geteuid() != 0) {
        // With its lock held here its owner's engine would keep away.
        closed.push_back(box.path());
        return;
    }
    add(std::move(box));
}

/// A new entry of a root, which may be a box.
void BoxSet::look_at_new(const Root& root, const std::string& name) {
    if (!spool::is_box_name(name) || !wants(root.path + "/" + name)) {
        return;
    }
    auto box = spool::open_box(files_, root.path, name);
    if (box && (root.is_owner || box->owner() == ::geteuid())) {
        std::vector<std::string> closed;
        take(std::move(*box), closed);
        report_closed(closed);
    }  // else find() says why
}

/// Once each: its mail waits until an engine of its owner's comes.
void BoxSet::report_closed(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
        report_once(
            path,
            "box " + path + " isn't open to this engine's group: only its owner's can serve it"
        );
    }
}

void BoxSet::report_once(const std::string& what, const std::string& line) {
    if (reported_.insert(what).second) {
        log_.warning(line);
    }
}

void BoxSet::tidy(const std::string& root) {
    const auto tell = [this](std::string_view line) { log_.warning(line); };
    if (auto done = spool::tidy_root(files_, root, clock_.now(), random_, tell); !done) {
        log_.warning("can't tidy " + root + ": " + done.error().message());
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
    try_lock(box);  // where another engine has it, that one sees what comes
    return &box;
}

// ---- serving

void BoxSet::try_locks() {
    const SteadyTime now = clock_.steady_now();
    for (const auto& box : boxes_) {
        Care& one = care(*box);
        if (!box->is_served() && !one.is_lock_wanted && one.next_try <= now) {
            one.is_lock_wanted = true;
            locks_.push_back(box.get());
        }
    }
    work();
}

void BoxSet::try_lock(ServedBox& box) {
    Care& one = care(box);
    one.is_lock_wanted = false;
    if (box.is_served()) {
        return;
    }
    const auto serves = box.try_serve();
    if (serves && *serves) {
        one.refusals = 0;
        start_serving(box);
        return;
    }
    if (!serves) {
        report_once(
            box.store().label() + serves.error().message(),
            "can't serve the box " + box.store().label() + ": " + serves.error().message()
        );
    }
    if (++one.refusals > kEagerTries) {
        one.next_try = clock_.steady_now() +
                       (serves ? SteadyTime::duration(kTryAgainAfter) : kTryBrokenAgainAfter);
    }
}

void BoxSet::start_serving(ServedBox& box) {
    // First the watch, then the scan: so that nothing falls between the two.
    start_watching(box);
    agenda_.wake(box);
    want_scan(box);
    work();
}

void BoxSet::start_watching(ServedBox& box) {
    if (!watch_) {
        return;
    }
    const auto number = watch_->add_directory(box.store().box().directory());
    box.watch = number ? *number : -1;
    if (number) {
        by_watch_[*number] = &box;
    } else {
        report_once(
            number.error().message(),
            box.store().label() + ": scanning instead: " + number.error().message()
        );
    }
}

// ---- scanning

void BoxSet::want_scan(ServedBox& box) {
    if (!std::exchange(care(box).is_scan_wanted, true) && !box.is_scanning()) {
        new_scans_.push_back(&box);
    }
}

SteadyTime::duration BoxSet::scan_interval(const ServedBox& box) const {
    const auto names = static_cast<std::int64_t>(box.index().waiting() + box.index().active());
    const auto boxes = static_cast<std::int64_t>(boxes_.size());
    using Duration = SteadyTime::duration;
    return box.watch >= 0
               ? std::max<Duration>({kScanWithWatch, kPerName * names, kPerBox * boxes})
               : std::max<Duration>(
                     {kScanWithoutWatch, kPerNameWithoutWatch * names, kPerBoxWithoutWatch * boxes}
                 );
}

void BoxSet::rescan(const std::vector<std::string>& roots) {
    const SteadyTime now = clock_.steady_now();
    const bool has_lost_events = std::exchange(has_lost_events_, false);
    for (const auto& box : boxes_) {
        if (!box->is_served()) {
            continue;
        }
        const bool is_time = now - care(*box).scanned_at >= scan_interval(*box);
        if (has_lost_events || (is_time && !box->is_scanning()) || box->index().is_incomplete()) {
            want_scan(*box);
        }
    }
    const auto boxes = static_cast<std::int64_t>(boxes_.size());
    const auto interval = watched_roots_.empty()
                              ? SteadyTime::duration(kScanWithoutWatch)
                              : std::max<SteadyTime::duration>(kScanWithWatch, kPerBox * boxes);
    if (is_system_ && (has_lost_events || now - found_at_ >= interval)) {
        find(roots);
    }
    work();
}

/// A turn of it; the next one comes after everything else that is ready.
void BoxSet::work() {
    if (is_posted_) {
        return;
    }
    const SteadyTime end = clock_.steady_now() + kTurn;
    std::size_t effort = 0;
    is_posted_ = true;  // a step may start another
    while (is_looking() && effort < kNamesPerTurn && clock_.steady_now() < end) {
        effort += work_step();
    }
    is_posted_ = is_looking();
    if (!is_posted_) {
        return;
    }
    asio::post(stream_.get_executor(), [this, life = std::weak_ptr<int>(life_)] {
        if (life.expired()) {
            return;
        }
        is_posted_ = false;
        work();
        if (on_new_box_ && std::exchange(has_new_box_, false)) {
            on_new_box_();
        }
        if (on_news_) {
            on_news_();
        }
    });
}

std::size_t BoxSet::work_step() {
    is_lock_turn_ = !is_lock_turn_;
    if (!locks_.empty() && (is_lock_turn_ || !has_scans())) {
        ServedBox& box = *locks_.front();
        locks_.pop_front();
        try_lock(box);
        return kStepItself;
    }
    return has_scans() ? scan_step() : kStepItself;
}

/// Boxes in turn: a small one doesn't wait for the end of a large one.
std::size_t BoxSet::scan_step() {
    const bool is_new = !new_scans_.empty() && open_scans_.size() < kMostOpenScans;
    std::deque<ServedBox*>& from = is_new ? new_scans_ : open_scans_;
    ServedBox& box = *from.front();
    from.pop_front();
    if (!box.is_served()) {
        box.stop_scan();
        care(box).is_scan_wanted = false;
        return kStepItself;
    }
    if (is_new) {
        care(box).is_scan_wanted = false;
    }
    const auto has_more = box.scan_some(kNamesPerStep);
    if (has_more && *has_more) {
        open_scans_.push_back(&box);
        return kNamesPerStep;
    }
    care(box).scanned_at = clock_.steady_now();
    if (has_more) {
        finish_scan(box);
    } else {
        log_.error(box.store().label() + ": " + has_more.error().message());
    }
    if (care(box).is_scan_wanted) {
        new_scans_.push_back(&box);  // asked for while it went on
    }
    return kStepItself;
}

void BoxSet::finish_scan(ServedBox& box) {
    if (watch_) {
        has_new_box_ |= take_events();
    }
    box.finish_scan(to_seconds(clock_.now()));
    if (std::exchange(care(box).is_scanned, true)) {
        return;
    }
    if (const std::size_t removed = box.remove_leftovers(clock_.now()); removed > 0) {
        log_.info(
            box.store().label() + ": removed " + std::to_string(removed) + " unfinished files"
        );
    }
}

void BoxSet::stop_scans() {
    for (ServedBox* box : open_scans_) {
        box->stop_scan();
    }
    open_scans_.clear();
    new_scans_.clear();
    locks_.clear();
    for (Care& one : cares_) {
        one.is_scan_wanted = false;
        one.is_lock_wanted = false;
    }
}

// ---- watching

asio::awaitable<void> BoxSet::watch(
    std::function<void()> on_news, std::function<void()> on_new_box
) {
    on_news_ = std::move(on_news);
    on_new_box_ = std::move(on_new_box);
    while (stream_.is_open()) {
        const auto [error] = co_await stream_.async_wait(
            asio::posix::stream_descriptor::wait_read, asio::as_tuple(asio::use_awaitable)
        );
        if (error || !stream_.is_open()) {
            co_return;
        }
        has_new_box_ |= take_events();
        if (std::exchange(has_new_box_, false)) {
            on_new_box_();
        }
        on_news_();
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
        if (const auto root = watched_roots_.find(event.watch); root != watched_roots_.end()) {
            look_at_new(root->second, event.name);
            has_new_box = true;
            continue;
        }
        const auto found = by_watch_.find(event.watch);
        if (found == by_watch_.end() || !found->second->is_served()) {
            continue;
        }
        ServedBox& box = *found->second;
        if (const auto name = spool::EntryName::parse(event.name)) {
            box.index().saw(*name);
        } else if (const auto request = spool::Request::parse(event.name)) {
            box.saw_request(*request, to_seconds(clock_.now()));
        }
    }
    return has_new_box;
}

void BoxSet::close() {
    stop_scans();
    if (stream_.is_open()) {
        stream_.close();
    }
}

bool BoxSet::is_empty() const {
    return !is_looking() &&
           std::ranges::all_of(boxes_, [](const auto& box) { return box->index().is_empty(); });
}

bool BoxSet::is_waiting_for_lock() const {
    return std::ranges::any_of(boxes_, [this](const auto& box) {
        return !box->is_served() && cares_[box->number].refusals <= kEagerTries;
    });
}

bool BoxSet::is_wanted_by_system() const {
    return std::ranges::any_of(boxes_, [](const auto& box) { return box->is_wanted_by_system(); });
}

}  // namespace mxpost::deliver
