#include "deliver/errands.h"

#include <csignal>
#include <memory>
#include <system_error>
#include <utility>

#include <boost/asio/post.hpp>

namespace mxpost::deliver {

namespace {

/// Each may hold a descriptor: a disk that can't keep up slows the loop down instead.
constexpr std::size_t kMostWaiting = 256;
/// Waking a thread costs more than closing a file.
constexpr std::size_t kWorthWaking = 16;

}  // namespace

Errands::Errands(boost::asio::any_io_executor loop, std::size_t threads)
    : loop_(std::move(loop)), wanted_(threads) {}

Errands::~Errands() {
    {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
    }
    has_work_.notify_all();
    for (std::thread& thread : threads_) {
        thread.join();
    }
}

void Errands::close(Fd file) {
    // A function object must be copyable.
    auto held = std::make_shared<Fd>(std::move(file));
    start([held] { held->reset(); }, false);
}

void Errands::run(std::function<Result<void>()> work, std::function<void(Result<void>)> done) {
    if (!make_threads()) {
        done(work());
        return;
    }
    auto errand = [loop = loop_, work = std::move(work), done = std::move(done)] {
        boost::asio::post(loop, [result = work(), done] { done(result); });
    };
    start(std::move(errand), true);
}

void Errands::start(std::function<void()> errand, bool is_urgent) {
    if (make_threads()) {
        std::unique_lock lock(mutex_);
        if (waiting_.size() < kMostWaiting) {
            waiting_.push_back(std::move(errand));
            const bool is_worth_it = is_urgent || waiting_.size() >= kWorthWaking;
            lock.unlock();
            if (is_worth_it) {
                has_work_.notify_one();
            }
            return;
        }
    }
    errand();
}

bool Errands::make_threads() {
    if (wanted_ == 0 || !threads_.empty()) {
        return !threads_.empty();
    }
    // Signals are the event loop's.
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    try {
        while (threads_.size() < wanted_) {
            threads_.emplace_back([this] { work(); });
        }
    } catch (const std::system_error&) {
        wanted_ = threads_.size();
    }
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
    return !threads_.empty();
}

void Errands::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        has_work_.wait(lock, [this] { return is_ending_ || !waiting_.empty(); });
        if (waiting_.empty()) {
            return;
        }
        const std::function<void()> errand = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        errand();
        lock.lock();
    }
}

}  // namespace mxpost::deliver
