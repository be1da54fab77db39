// BoxSet: the boxes that an engine serves or waits for, found, locked, watched and scanned.
//
// There may be thousands of them, and one may hold a million messages. So locks are tried and boxes
// scanned in turns of some milliseconds, between which everything else goes on; names are seen as
// they come, and those that the watch tells of meanwhile as well.
#pragma once

#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/random.h"
#include "deliver/agenda.h"
#include "deliver/served_box.h"
#include "spool/watch.h"

namespace mxpost::deliver {

class BoxSet {
public:
    /// `is_system`: takes boxes over from on-demand engines, and watches the roots for new ones.
    /// `limits`: of each box. `most_boxes`: how many it may have open, two descriptors each; the
    /// others are left to engines of their owners'.
    /// References must outlive it.
    BoxSet(
        const boost::asio::any_io_executor& executor,
        FileSystem& files,
        const Clock& clock,
        Random& random,
        Log& log,
        bool is_system,
        QueueLimits limits = {},
        std::size_t most_boxes = std::numeric_limits<std::size_t>::max()
    );
    BoxSet(const BoxSet&) = delete;
    BoxSet& operator=(const BoxSet&) = delete;

    /// A box whose lock came along.
    void adopt(spool::Box box);
    /// Adds every box below `roots` that this process may serve: all, where it owns the root (which
    /// it tidies then), else its own.
    void find(const std::vector<std::string>& roots);
    /// Takes each box's lock that is free; starts to watch and scan what it got. With many boxes
    /// this goes on in the background.
    void try_locks();
    /// The same for the boxes whose time for another scan has come, and for new boxes.
    void rescan(const std::vector<std::string>& roots);
    /// The box of this process's own uid, made below `root` if need be: for reports.
    Result<ServedBox*> own_box(const std::string& root);
    /// Null when it isn't among these.
    ServedBox* find_own() { return own_; }

    /// Passes what the watch tells on to the boxes, then calls `on_news`, and so it does after each
    /// turn of background work; `on_new_box` when a root has a new entry. Ends with close().
    boost::asio::awaitable<void> watch(
        std::function<void()> on_news, std::function<void()> on_new_box
    );
    /// No scan goes on, and none begins.
    void stop_scans();
    void close();

    const std::vector<std::unique_ptr<ServedBox>>& boxes() const { return boxes_; }
    /// Which of them have mail that is due.
    Agenda& agenda() { return agenda_; }
    std::size_t active() const { return agenda_.active(); }
    /// Nothing waits or is in work, and no background work goes on that could find some.
    bool is_empty() const;
    /// Locks are being tried, or boxes scanned, in the background.
    bool is_looking() const { return !locks_.empty() || has_scans(); }
    /// Some box's lock may come free soon.
    bool is_waiting_for_lock() const;
    bool is_wanted_by_system() const;

private:
    struct Root {
        std::string path;
        bool is_owner = false;  // then all boxes in it are ours to serve
    };
    /// What is to be done for a box, by its number.
    struct Care {
        int refusals = 0;  // of its lock
        SteadyTime next_try;
        bool is_lock_wanted = false;
        bool is_scan_wanted = false;
        bool is_scanned = false;  // once
        SteadyTime scanned_at;
    };

    ServedBox& add(spool::Box box);
    Care& care(const ServedBox& box) { return cares_[box.number]; }
    void start_serving(ServedBox& box);
    void start_watching(ServedBox& box);
    void tidy(const std::string& root);
    Result<void> find_in(const std::string& root);
    bool wants(const std::string& path);
    void take(spool::Box box, std::vector<std::string>& closed);
    void look_at_new(const Root& root, const std::string& name);
    void report_closed(const std::vector<std::string>& paths);
    void report_once(const std::string& what, const std::string& line);
    bool take_events();
    void want_scan(ServedBox& box);
    SteadyTime::duration scan_interval(const ServedBox& box) const;
    bool has_scans() const { return !new_scans_.empty() || !open_scans_.empty(); }
    void work();
    std::size_t work_step();
    void try_lock(ServedBox& box);
    std::size_t scan_step();
    void finish_scan(ServedBox& box);

    FileSystem& files_;
    const Clock& clock_;
    Random& random_;
    Log& log_;
    bool is_system_;
    QueueLimits limits_;
    std::size_t most_boxes_;
    std::optional<spool::Watch> watch_;
    boost::asio::posix::stream_descriptor stream_;
    std::map<int, Root> watched_roots_;  // by the number of the watch
    Agenda agenda_;                      // boxes_ refer to it
    std::vector<std::unique_ptr<ServedBox>> boxes_;
    std::vector<Care> cares_;
    ServedBox* own_ = nullptr;
    std::unordered_map<int, ServedBox*> by_watch_;
    std::unordered_set<std::string> paths_;  // of boxes_
    std::set<std::string> reported_;         // closed boxes, and what else is said once
    std::deque<ServedBox*> locks_;           // to be tried
    std::deque<ServedBox*> new_scans_;       // to be begun
    std::deque<ServedBox*> open_scans_;      // each has a descriptor and a buffer: few at a time
    std::function<void()> on_news_;
    std::function<void()> on_new_box_;
    std::shared_ptr<int> life_ = std::make_shared<int>();  // of what is posted
    SteadyTime found_at_;
    bool is_posted_ = false;
    bool is_lock_turn_ = false;
    bool has_new_box_ = false;
    bool has_lost_events_ = false;
};

}  // namespace mxpost::deliver
