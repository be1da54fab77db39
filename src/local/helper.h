// The local helper: root's process that does for engines what needs a recipient's uid (design 4).
//
// It takes connections of one user only, and forks a child for each before it has read a single
// octet. The child reads one request, looks the user up itself, becomes them for good, serves the
// request, answers and ends. So nothing that an engine or a user writes is ever seen by a process
// that outlives it, and only the request's fixed layout by one that is root. All that the helper
// hears of a child is the uid that it became.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>

#include <sys/types.h>

#include "base/fd.h"
#include "base/log.h"
#include "local/service.h"

namespace mxpost::local {

struct HelperOptions {
    ServiceOptions service;
    uid_t client = 0;  // whose requests are served, besides root's
    std::size_t max_children = 32;
    std::chrono::seconds max_time{900};  // of one request, then it is killed
    // Children that live on although they were killed: a user's own file system (FUSE), or one of
    // the network, keeps them until it answers. They take nobody else's turn.
    std::size_t max_stuck = 256;
    std::size_t max_stuck_of_one = 4;  // then that user's mail waits
};

class Helper {
public:
    /// One of: a listening SOCK_SEQPACKET socket; or one end of such a pair, each packet of which
    /// brings a connection (the first octet means nothing) and whose end ends the helper.
    enum class Source : std::uint8_t { listener, channel };

    Helper(HelperOptions options, Log& log, Source source, Fd fd)
        : options_(std::move(options)), log_(log), source_(source), fd_(std::move(fd)) {}
    Helper(const Helper&) = delete;
    Helper& operator=(const Helper&) = delete;

    /// Until SIGTERM or SIGINT, or the end of the channel; then for its children, unless they are
    /// stuck. Nothing else ends it: the engine that made it as root can't make another. Where no
    /// connection can be taken, it tries again a second later. The process has no other children
    /// and threads.
    void run();

private:
    struct Child {
        std::chrono::steady_clock::time_point deadline;
        Fd whose;  // an eventfd with the uid, once the child is about to become the user
        bool is_stuck = false;  // past its deadline and killed
        uid_t uid = 0;          // of a stuck one; 0: it never was the user
    };

    std::size_t count_stuck() const;
    std::set<uid_t> stuck_users() const;
    bool takes_more() const;
    void take_connection();
    Fd accept_connection();
    Fd receive_connection();
    void pause_after(const Error& error);
    bool is_client(const Fd& connection) const;
    void start_child(Fd connection);
    void reap();
    void kill_late();
    int time_to_wait() const;

    HelperOptions options_;
    Log& log_;
    Source source_;
    Fd fd_;
    Fd signals_;
    bool is_ending_ = false;
    std::optional<std::chrono::steady_clock::time_point> resume_;  // no connection until then
    bool is_short_ = false;  // the log knows that none can be taken
    std::map<pid_t, Child> children_;
};

/// A listening socket at `path`, which only its owner `uid` may connect to. What stands there is
/// replaced if it is a socket; missing directories are made (0755).
Result<Fd> listen_at(const std::string& path, uid_t uid);

}  // namespace mxpost::local
