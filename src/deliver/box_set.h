// BoxSet: the boxes that an engine serves or waits for, found, locked, watched and scanned.
//
// There may be thousands of them, one may hold a million messages, and anybody can make as many
// entries in a root. So boxes are looked for, locks tried and boxes scanned in turns of some
// milliseconds, between which everything else goes on; names are seen as they come, and those that
// the watch tells of meanwhile as well.
#pragma once

#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/random.h"
#include "deliver/agenda.h"
#include "deliver/box_list.h"
#include "deliver/said_once.h"
#include "deliver/served_box.h"
#include "spool/tidy.h"
#include "spool/watch.h"

namespace mxpost::deliver {

class BoxSet {
public:
    /// `is_system`: takes boxes over from on-demand engines, and watches the roots for new ones.
    /// `limits`: of each box. `most_boxes`: how many it may have open, two descriptors each; the
    /// others are left to engines of their owners', and so are all of one uid but four.
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
    /// it tidies then), else its own. Where there is much in them this goes on in the background.
    void find(const std::vector<std::string>& roots);
    /// Takes each box's lock that is free; starts to watch and scan what it got. With many boxes
    /// this goes on in the background.
    void try_locks();
    /// The same for the boxes whose time for another scan has come, and for new boxes.
    void rescan(const std::vector<std::string>& roots);
    /// Takes one box's lock at once, if it is free. Whoever puts a message into a box that isn't
    /// served has to try this afterwards: the one who had it may have had their last look before.
    void try_lock(ServedBox& box);
    /// The box of this process's own uid, made below `root` if need be: for reports.
    Result<ServedBox*> own_box(const std::string& root);
    /// Null when it isn't among these.
    ServedBox* find_own() { return list_.own(); }

    /// Passes what the watch tells on to the boxes, then calls `on_news`, and so it does after each
    /// turn of background work; `on_new_box` when a root has a new entry. Ends with close().
    boost::asio::awaitable<void> watch(
        std::function<void()> on_news, std::function<void()> on_new_box
    );
    /// No scan goes on, and none begins.
    void stop_scans();
    void close();

    /// Among them those that aren't served, and in vacant places nobody's.
    const std::vector<std::unique_ptr<ServedBox>>& boxes() const { return list_.all(); }
    /// Which of them have mail that is due.
    Agenda& agenda() { return agenda_; }
    std::size_t active() const { return agenda_.active(); }
    /// Nothing waits or is in work, and no background work goes on that could find some.
    bool is_empty() const;
    /// Boxes are being looked for, locks tried, or boxes scanned, in the background.
    bool is_looking() const { return !looks_.empty() || !locks_.empty() || has_scans(); }
    /// Some box's lock may come free soon.
    bool is_waiting_for_lock() const;
    bool is_wanted_by_system() const;

private:
    /// What is to be done for a box, by its number.
    struct Care {
        int refusals = 0;  // of its lock
        SteadyTime next_try;
        bool is_lock_wanted = false;
        bool is_scan_wanted = false;
        std::optional<SteadyTime> cleared_at;  // of files that crashed submitters left
        SteadyTime scanned_at;
    };

    ServedBox& add(spool::Box box, bool is_adopted = false);
    Care& care(const ServedBox& box) { return cares_[box.number]; }
    const Care& care(const ServedBox& box) const { return cares_[box.number]; }
    void start_serving(ServedBox& box);
    void start_watching(ServedBox& box);
    Result<void> begin_look(const std::string& root);
    std::size_t look_step();
    void look_at(const spool::SpoolRoot& root, const std::string& name);
    void look_at_new(const std::string& root, const std::string& name);
    ServedBox* find_at(const std::string& path);
    bool has_room();
    void take(spool::Box box);
    void retire_if_elsewhere(ServedBox& box);
    void report_closed(const spool::SpoolRoot& root, const std::string& name, const Error& error);
    void take_events();
    void want_scan(ServedBox& box);
    SteadyTime::duration scan_interval(const ServedBox& box) const;
    bool has_scans() const { return !new_scans_.empty() || !open_scans_.empty(); }
    void work();
    std::size_t work_step();
    std::size_t scan_step();
    void finish_scan(ServedBox& box);

    FileSystem& files_;
    const Clock& clock_;
    Random& random_;
    Log& log_;
    bool is_system_;
    std::size_t most_boxes_;
    SaidOnce reports_;  // closed boxes, and what else anybody could have said without end
    std::optional<spool::Watch> watch_;
    boost::asio::posix::stream_descriptor stream_;
    std::map<int, std::string> watched_roots_;  // by the number of the watch
    Agenda agenda_;                             // boxes refer to it
    BoxList list_;
    std::vector<Care> cares_;
    std::unordered_map<int, ServedBox*> by_watch_;
    std::deque<spool::RootLook> looks_;
    std::size_t next_known_ = 0;  // of all boxes: their names are looked at before those of a root
    std::deque<ServedBox*> locks_;       // to be tried
    std::deque<ServedBox*> new_scans_;   // to be begun
    std::deque<ServedBox*> open_scans_;  // each has a descriptor and a buffer: few at a time
    std::function<void()> on_news_;
    std::function<void()> on_new_box_;
    std::shared_ptr<int> life_ = std::make_shared<int>();  // of what is posted
    SteadyTime found_at_;
    std::optional<SteadyTime> recovered_at_;
    int turn_ = 0;  // whose it is in work_step()
    bool is_posted_ = false;
    bool has_new_box_ = false;
    bool has_lost_events_ = false;   // of boxes
    bool has_lost_entries_ = false;  // of roots
    bool has_unread_events_ = false;
};

}  // namespace mxpost::deliver
