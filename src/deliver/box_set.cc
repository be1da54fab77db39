#include "deliver/box_set.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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
constexpr std::size_t kEntriesPerStep = 20;   // of a root: each may cost a system call or two
constexpr std::size_t kMostNewEntries = 100;  // of roots, that are looked at as soon as they come

// Whoever makes events without end doesn't keep us from serving others.
constexpr std::chrono::seconds kRecoverAfter{10};
constexpr std::chrono::hours kClearAgainAfter{24};

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
      most_boxes_(most_boxes),
      reports_(clock, log),
      stream_(executor),
      list_(files, random, agenda_, is_system, limits),
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

ServedBox& BoxSet::add(spool::Box box, bool is_adopted) {
    ServedBox& added = list_.add(std::move(box), is_adopted);
    cares_.resize(std::max(cares_.size(), added.number + 1));
    care(added) = Care();
    return added;
}

void BoxSet::adopt(spool::Box box) {
    ServedBox& served = add(std::move(box), true);
    served.adopt_lock();
    start_serving(served);
}

// ---- finding

void BoxSet::find(const std::vector<std::string>& roots) {
    if (!looks_.empty()) {
        has_lost_entries_ = true;  // it may be past what is new
        return;
    }
    found_at_ = clock_.steady_now();
    for (const std::string& root : roots) {
        const auto begun = begin_look(root);
        if (!begun && root == roots.front()) {  // the configured one
            reports_.warn(
                root + begun.error().message(),
                "no mail is found in the spool " + root + ": " + begun.error().message()
            );
        }
    }
    work();
}

/// Error: it can't be opened. It may come later: the next scan looks again.
Result<void> BoxSet::begin_look(const std::string& path) {
    auto root = spool::SpoolRoot::open(files_, path);
    if (!root) {
        return root.error();
    }
    const bool is_owner = root->status().st_uid == ::geteuid();
    if (is_system_ && watch_) {
        if (const auto number = watch_->add_directory(root->directory())) {
            watched_roots_[*number] = path;
        }
    }
    auto look = spool::RootLook::begin(files_, std::move(*root), is_owner, clock_.now(), random_);
    if (!look) {
        return look.error();
    }
    looks_.push_back(std::move(*look));
    return {};
}

/// First the boxes that are known: their places may be needed for those that are found then.
std::size_t BoxSet::look_step() {
    if (next_known_ < boxes().size()) {
        const std::size_t end = std::min(next_known_ + kEntriesPerStep, boxes().size());
        for (; next_known_ < end; ++next_known_) {
            retire_if_elsewhere(*boxes()[next_known_]);
        }
        return kNamesPerStep;
    }
    spool::RootLook& look = looks_.front();
    const auto has_more =
        look.read(kEntriesPerStep, [&](const std::string& name) { look_at(look.root(), name); });
    if (has_more && *has_more) {
        return kNamesPerStep;
    }
    const std::string& path = look.root().path();
    if (!has_more) {
        reports_.warn(
            path + has_more.error().message(),
            "can't look at all boxes in " + path + ": " + has_more.error().message()
        );
    }
    for (const std::string& line : look.deeds()) {
        log_.warning(line);
    }
    looks_.pop_front();
    next_known_ = 0;
    found_at_ = clock_.steady_now();
    return kStepItself;
}

/// An entry that has a box's name, and may be one that isn't here yet.
void BoxSet::look_at(const spool::SpoolRoot& root, const std::string& name) {
    if (list_.at(root.path() + "/" + name) != nullptr || !has_room()) {
        return;
    }
    auto box = root.open_box(name);
    if (!box) {
        report_closed(root, name, box.error());
    } else if (box->owner() == ::geteuid() || root.status().st_uid == ::geteuid()) {
        take(std::move(*box));
    }
}

/// The same for a new entry of a root: what has its name by now isn't what had it before.
void BoxSet::look_at_new(const std::string& root, const std::string& name) {
    const std::string path = root + "/" + name;
    if (!spool::is_box_name(name) || find_at(path) != nullptr || !has_room()) {
        return;
    }
    if (const auto opened = spool::SpoolRoot::open(files_, root)) {
        look_at(*opened, name);
    }  // else find() says why
}

/// The box that has this path, and still is there.
ServedBox* BoxSet::find_at(const std::string& path) {
    if (ServedBox* known = list_.at(path)) {
        retire_if_elsewhere(*known);
    }
    return list_.at(path);
}

bool BoxSet::has_room() {
    if (list_.count() < most_boxes_) {
        return true;
    }
    reports_.warn(
        "too many",
        "serving " + std::to_string(list_.count()) +
            " boxes, as many as the limit of open files "
            "(LimitNOFILE) has room for: other users' mail is left to engines of their own"
    );
    return false;
}

void BoxSet::take(spool::Box box) {
    const uid_t owner = box.owner();
    const std::string of_owner = std::to_string(owner);
    if (!box.is_shared() && owner != ::geteuid() && ::geteuid() != 0) {
        // With its lock held here its owner's engine would keep away.
        reports_.warn(
            "closed " + of_owner,
            "box " + box.path() +
                " isn't open to this engine's group: only its owner's can serve it"
        );
        return;
    }
    for (ServedBox* other : list_.of(owner)) {
        retire_if_elsewhere(*other);  // it may be this one, which got another name
    }
    if (list_.of(owner).size() >= BoxList::kMostOfOne) {
        reports_.warn(
            "many " + of_owner,
            "serving " + std::to_string(BoxList::kMostOfOne) + " boxes of uid " + of_owner +
                ", which is enough: others, such as " + box.path() +
                ", are left to engines of their own"
        );
        return;
    }
    add(std::move(box));
    has_new_box_ = true;
}

/// It may have been renamed, removed or replaced meanwhile.
void BoxSet::retire_if_elsewhere(ServedBox& box) {
    if (!list_.is_elsewhere(box) || !list_.retire(box)) {
        return;
    }
    if (box.watch >= 0) {
        watch_->remove(box.watch);
        by_watch_.erase(box.watch);
        box.watch = -1;
    }
    box.stop_scan();
    box.release();
    std::erase(locks_, &box);
    std::erase(new_scans_, &box);
    std::erase(open_scans_, &box);
}

/// Its mail waits until an engine of its owner's comes.
void BoxSet::report_closed(
    const spool::SpoolRoot& root, const std::string& name, const Error& error
) {
    const std::string path = root.path() + "/" + name;
    if (error.is(EMFILE) || error.is(ENFILE)) {
        reports_.warn(
            path + error.message(),
            "can't look at all boxes in " + root.path() + ": " + error.message()
        );
        return;
    }
    const auto status = files_.stat(root.directory(), name);
    if (!status || !S_ISDIR(status->st_mode) ||
        (status->st_uid != ::geteuid() && root.status().st_uid != ::geteuid())) {
        return;
    }
    const std::string owner = std::to_string(status->st_uid);
    if (error.is(EPERM)) {
        reports_.warn("no box " + owner, error.context() + " (uid " + owner + ")");
    } else {
        reports_.warn(
            "closed " + owner,
            "box " + path + " isn't open to this engine's group: only its owner's can serve it"
        );
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
    if (ServedBox* known = find_at(opened->path());
        known != nullptr && known->store().owner() == ::geteuid()) {
        list_.set_own(*known);
        return known;
    }
    ServedBox& box = add(std::move(*opened));
    try_lock(box);  // where another engine has it, that one sees what comes
    return &box;
}

// ---- serving

void BoxSet::try_locks() {
    const SteadyTime now = clock_.steady_now();
    for (const auto& box : boxes()) {
        Care& one = care(*box);
        const bool is_due = !list_.is_retired(*box) && !one.is_lock_wanted && one.next_try <= now;
        if (!box->is_served() && is_due) {
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
        reports_.warn(
            std::to_string(box.store().owner()) + serves.error().message(),
            "can't serve the box " + box.store().label() + ": " + serves.error().message()
        );
    }
    if (++one.refusals > kEagerTries) {
        one.next_try = clock_.steady_now() +
                       (serves ? SteadyTime::duration(kTryAgainAfter) : kTryBrokenAgainAfter);
    }
}

void BoxSet::start_serving(ServedBox& box) {
    // An engine may have been killed here before it had synced what it linked or removed, which we
    // take for so: a report that is found, a message that isn't.
    if (const auto synced = box.store().sync_removals(); !synced) {
        log_.error(
            box.store().label() +
            ": what the engine before has left may not survive a crash: " + synced.error().message()
        );
    }
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
        reports_.warn(
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
    const auto boxes = static_cast<std::int64_t>(list_.count());
    using Duration = SteadyTime::duration;
    return box.watch >= 0
               ? std::max<Duration>({kScanWithWatch, kPerName * names, kPerBox * boxes})
               : std::max<Duration>(
                     {kScanWithoutWatch, kPerNameWithoutWatch * names, kPerBoxWithoutWatch * boxes}
                 );
}

void BoxSet::rescan(const std::vector<std::string>& roots) {
    list_.let_go();
    const SteadyTime now = clock_.steady_now();
    // Anybody can make events without end.
    const bool may_recover = !recovered_at_ || now - *recovered_at_ >= kRecoverAfter;
    const bool has_lost_events = may_recover && std::exchange(has_lost_events_, false);
    const bool has_lost_entries = may_recover && std::exchange(has_lost_entries_, false);
    if (has_lost_events || has_lost_entries) {
        recovered_at_ = now;
    }
    for (const auto& box : boxes()) {
        if (!box->is_served()) {
            continue;
        }
        const bool is_time = now - care(*box).scanned_at >= scan_interval(*box);
        if (has_lost_events || (is_time && !box->is_scanning()) || box->index().is_incomplete()) {
            want_scan(*box);
        }
    }
    const auto boxes = static_cast<std::int64_t>(list_.count());
    const auto interval = watched_roots_.empty()
                              ? SteadyTime::duration(kScanWithoutWatch)
                              : std::max<SteadyTime::duration>(kScanWithWatch, kPerBox * boxes);
    if (is_system_ && (has_lost_events || has_lost_entries || now - found_at_ >= interval)) {
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

/// In turn: none of the three waits for the end of another.
std::size_t BoxSet::work_step() {
    constexpr int kKinds = 3;
    for (int i = 0; i < kKinds; ++i) {
        turn_ = (turn_ + 1) % kKinds;
        if (turn_ == 0 && !locks_.empty()) {
            ServedBox& box = *locks_.front();
            locks_.pop_front();
            try_lock(box);
            return kStepItself;
        }
        if (turn_ == 1 && has_scans()) {
            return scan_step();
        }
        if (turn_ == 2 && !looks_.empty()) {
            return look_step();
        }
    }
    return kStepItself;
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
    if (care(box).is_scan_wanted && !list_.is_retired(box)) {
        new_scans_.push_back(&box);  // asked for while it went on
    }
    return kStepItself;
}

void BoxSet::finish_scan(ServedBox& box) {
    if (watch_) {
        take_events();
    }
    has_lost_events_ |= has_unread_events_;
    // A scan that began before events were lost is followed by another.
    const bool knows_all = !has_lost_events_ && !care(box).is_scan_wanted;
    box.finish_scan(to_seconds(clock_.now()), knows_all);
    Care& one = care(box);
    const SteadyTime now = clock_.steady_now();
    if (one.cleared_at && now - *one.cleared_at < kClearAgainAfter) {
        return;
    }
    one.cleared_at = now;
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
    looks_.clear();
    next_known_ = 0;
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
        take_events();
        if (std::exchange(has_new_box_, false)) {
            on_new_box_();
        }
        on_news_();
    }
}

void BoxSet::take_events() {
    const auto happened = watch_->read();
    if (!happened) {
        has_lost_events_ = true;
        return;
    }
    has_lost_events_ |= happened->is_overflown;
    has_unread_events_ = happened->has_more;
    std::size_t new_entries = 0;
    for (const spool::Watch::Event& event : happened->events) {
        if (const auto root = watched_roots_.find(event.watch); root != watched_roots_.end()) {
            if (++new_entries <= kMostNewEntries) {
                look_at_new(root->second, event.name);
            } else {
                has_lost_entries_ = true;
            }
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
    has_new_box_ |= new_entries > 0;
}

void BoxSet::close() {
    stop_scans();
    if (stream_.is_open()) {
        stream_.close();
    }
}

bool BoxSet::is_empty() const {
    return !is_looking() &&
           std::ranges::all_of(boxes(), [](const auto& box) { return box->index().is_empty(); });
}

bool BoxSet::is_waiting_for_lock() const {
    return std::ranges::any_of(boxes(), [this](const auto& box) {
        return !box->is_served() && !list_.is_retired(*box) && care(*box).refusals <= kEagerTries;
    });
}

bool BoxSet::is_wanted_by_system() const {
    return std::ranges::any_of(boxes(), [](const auto& box) { return box->is_wanted_by_system(); });
}

}  // namespace mxpost::deliver
