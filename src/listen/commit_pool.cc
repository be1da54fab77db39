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
        publish(std::move(job));
        lock.lock();
    }
}

void CommitPool::publish(CommitJob job) {
    if (const auto published = job.publish(); !published) {
        job.done(published);
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        published_.push_back(std::move(job));
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
            batch.swap(published_);
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
    std::ranges::stable_sort(batch, {}, &CommitJob::directory);
    for (auto first = batch.begin(); first != batch.end();) {
        const auto last = std::find_if(first, batch.end(), [&](const CommitJob& job) {
            return job.directory != first->directory;
        });
        const auto synced = files_.fsync(first->directory);
        for (; first != last; ++first) {
            first->done(synced);
        }
    }
}

}  // namespace mxpost::listen
