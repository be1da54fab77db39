#include "listen/commit_pool.h"

#include <algorithm>
#include <csignal>
#include <system_error>
#include <utility>

namespace mxpost::listen {

CommitPool::CommitPool(FileSystem& files, std::size_t threads) : files_(files) {
    // Signals are the event loop's.
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    try {
        for (std::size_t i = 0; i < threads; ++i) {
            threads_.emplace_back([this] { work(); });
        }
    } catch (const std::system_error&) {
        pthread_sigmask(SIG_SETMASK, &old, nullptr);
        if (threads_.empty()) {
            throw;
        }
        return;  // fewer do as well
    }
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

CommitPool::~CommitPool() {
    {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
    }
    has_work_.notify_all();
    for (std::thread& thread : threads_) {
        thread.join();
    }
}

void CommitPool::commit(CommitJob job) {
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(std::move(job));
    }
    has_work_.notify_one();
}

void CommitPool::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        has_work_.wait(lock, [this] { return is_ending_ || !waiting_.empty(); });
        if (waiting_.empty()) {
            return;
        }
        CommitJob job = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        sync_and_link(std::move(job));
        lock.lock();
    }
}

void CommitPool::sync_and_link(CommitJob job) {
    auto done = job.writer->sync_content(job.is_eight_bit, job.has_long_lines);
    if (done) {
        done = job.writer->link(job.due);
    }
    if (!done) {
        job.writer->withdraw();
        job.done(done.error());
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        linked_.push_back(std::move(job));
        if (is_syncing_directory_) {
            return;  // whoever does sees it, and this thread can sync the next file meanwhile
        }
        is_syncing_directory_ = true;
    }
    sync_directories();
}

/// By one thread at a time, until there is nothing left to sync.
void CommitPool::sync_directories() {
    for (;;) {
        std::vector<CommitJob> batch;
        {
            const std::lock_guard lock(mutex_);
            batch.swap(linked_);
            if (batch.empty()) {
                is_syncing_directory_ = false;
                return;
            }
        }
        finish_batch(std::move(batch));
    }
}

void CommitPool::finish_batch(std::vector<CommitJob> batch) {
    // Nearly always there is one directory only: the engine's own box.
    const auto directory_of = [](const CommitJob& job) { return job.writer->directory(); };
    std::ranges::stable_sort(batch, {}, directory_of);
    for (auto first = batch.begin(); first != batch.end();) {
        const int directory = directory_of(*first);
        const auto last = std::find_if(first, batch.end(), [&](const CommitJob& job) {
            return directory_of(job) != directory;
        });
        const auto synced = files_.fsync(directory);
        if (!synced) {
            // None of these names is sure to be there after a crash, and none is sure not to be.
            std::for_each(first, last, [](CommitJob& job) { job.writer->withdraw(); });
            (void)files_.fsync(directory).has_value();
        }
        for (; first != last; ++first) {
            if (synced) {
                first->done(first->writer->finish());
            } else {
                first->done(synced.error());
            }
        }
    }
}

}  // namespace mxpost::listen
