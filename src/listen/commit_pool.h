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

namespace mxpost::listen {

/// A complete message on its way to the disk. Both functions are called in the pool's threads,
/// never at the same time, and must not throw.
struct CommitJob {
    /// Syncs the content and gives it its name in `directory`.
    std::function<Result<void>()> publish;
    int directory = -1;
    /// Last, exactly once: how `publish` failed, or how the directory's sync ended. After a failed
    /// one the name may be there or not: it must be taken away, and the directory synced again.
    std::function<void(const Result<void>& synced)> done;
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
    void publish(CommitJob job);
    void sync_directories();
    void finish_batch(std::vector<CommitJob> batch);

    FileSystem& files_;
    std::mutex mutex_;
    std::condition_variable has_work_;
    std::deque<CommitJob> waiting_;      // for a thread
    std::vector<CommitJob> published_;   // for a directory sync
    bool is_syncing_directory_ = false;  // by one of the threads, which looks again when it is done
    bool is_ending_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace mxpost::listen
