// BoxSet: the boxes that an engine serves or waits for, found, locked, watched and scanned.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/random.h"
#include "deliver/served_box.h"
#include "spool/watch.h"

namespace mxpost::deliver {

class BoxSet {
public:
    /// `is_system`: takes boxes over from on-demand engines, and watches the roots for new ones.
    /// `limits`: of each box.
    /// References must outlive it.
    BoxSet(
        const boost::asio::any_io_executor& executor,
        FileSystem& files,
        const Clock& clock,
        Random& random,
        Log& log,
        bool is_system,
        QueueLimits limits = {}
    );

    /// A box whose lock came along.
    void adopt(spool::Box box);
    /// Adds every box below `roots` that this process may serve: all, where it owns the root (which
    /// it tidies then), else its own.
    void find(const std::vector<std::string>& roots);
    /// Takes each box's lock that is free; starts to watch what it got.
    void try_locks();
    /// Looks through the boxes whose time for that has come, and for new boxes.
    void rescan(const std::vector<std::string>& roots);
    /// The box of this process's own uid, made below `root` if need be: for reports.
    Result<ServedBox*> own_box(const std::string& root);
    /// Null when it isn't among these.
    ServedBox* find_own();

    /// Passes what the watch tells on to the boxes, then calls `on_news`; `on_new_box` when a root
    /// has a new entry. Ends with close().
    boost::asio::awaitable<void> watch(
        std::function<void()> on_news, std::function<void()> on_new_box
    );
    void close();

    const std::vector<std::unique_ptr<ServedBox>>& boxes() const { return boxes_; }
    std::size_t active() const;
    bool is_empty() const;
    bool is_waiting_for_lock() const;
    bool is_wanted_by_system() const;

private:
    ServedBox& add(spool::Box box);
    void start_serving(ServedBox& box);
    void tidy(const std::string& root);
    void report_closed(const std::vector<std::string>& paths);
    void scan(ServedBox& box);
    bool take_events();

    FileSystem& files_;
    const Clock& clock_;
    Random& random_;
    Log& log_;
    bool is_system_;
    QueueLimits limits_;
    std::optional<spool::Watch> watch_;
    boost::asio::posix::stream_descriptor stream_;
    std::vector<int> root_watches_;
    std::vector<std::unique_ptr<ServedBox>> boxes_;
    std::set<std::string> reported_;  // closed boxes
    SteadyTime last_full_scan_;
    SteadyTime last_scan_;
    bool has_lost_events_ = false;
};

}  // namespace mxpost::deliver
