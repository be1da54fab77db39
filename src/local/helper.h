// The local helper: root's process that does for engines what needs a recipient's uid (design 4).
//
// It takes connections of one user only, and forks a child for each before it has read a single
// octet. The child reads one request, looks the user up itself, becomes them for good, serves the
// request, answers and ends. So nothing that an engine or a user writes is ever seen by a process
// that outlives it, and only the request's fixed layout by one that is root.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
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

    /// Until SIGTERM or SIGINT, or the end of the channel; then for its children. The process has
    /// no other children and threads.
    void run();

private:
    void take_connection();
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
    std::map<pid_t, std::chrono::steady_clock::time_point> children_;  // with their deadlines
};

/// A listening socket at `path`, which only its owner `uid` may connect to. What stands there is
/// replaced if it is a socket; missing directories are made (0755).
Result<Fd> listen_at(const std::string& path, uid_t uid);

}  // namespace mxpost::local
