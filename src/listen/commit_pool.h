// CommitPool: makes many messages safe at a time, so that connections share syncs.
//
//     event loop ── commit() ──> threads: sync the file, link it ──> one of them: sync the
//     directory
//                                 once for all that were linked meanwhile ──> done()
//
// Syncs of several files at once cost the disk little more than one (a journalling file system
// writes them with one commit), and a directory's sync covers every name in it. A message is only
// reported as safe after a directory sync that began when its name was there.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "spool/message_writer.h"

namespace mxpost::listen {

/// A complete message whose writer has everything but the end.
struct CommitJob {
    /// Stays where it is, untouched by others, until `done` is called.
    spool::MessageWriter* writer = nullptr;
    bool is_eight_bit = false;
    bool has_long_lines = false;
    std::chrono::sys_seconds due;
    /// Called in one of the pool's threads, exactly once, and must not throw. On an error nothing
    /// is left of the message in the box.
    std::function<void(Result<spool::Committed>)> done;
};

class CommitPool {
public:
    /// `files` must outlive it, and be fit for use by several threads. Throws std::system_error
    /// where not even one thread can be had.
    CommitPool(FileSystem& files, std::size_t threads);
    /// Ends when everything that was given to commit() is done.
    ~CommitPool();
    CommitPool(const CommitPool&) = delete;
    CommitPool& operator=(const CommitPool&) = delete;

    void commit(CommitJob job);

private:
    void work();
    void sync_and_link(CommitJob job);
    void sync_directories();
    void finish_batch(std::vector<CommitJob> batch);

    FileSystem& files_;
    std::mutex mutex_;
    std::condition_variable has_work_;
    std::deque<CommitJob> waiting_;      // for a thread
    std::vector<CommitJob> linked_;      // for a directory sync
    bool is_syncing_directory_ = false;  // by one of the threads, which looks again when it is done
    bool is_ending_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace mxpost::listen
