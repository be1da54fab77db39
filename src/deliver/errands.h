// Errands: what the event loop would otherwise wait for at the disk: the last close of a removed
// file, in which the file system gives its room back (on a disk that is told of it, milliseconds),
// and the sync of a directory.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/fd.h"
#include "base/result.h"

namespace mxpost::deliver {

class Errands {
public:
    /// With no threads everything is done at once, by the caller. Threads are made when there is
    /// something to do; fewer than wanted, or none, do as well.
    Errands(boost::asio::any_io_executor loop, std::size_t threads);
    /// Waits until everything is done. What is still to be told isn't.
    ~Errands();
    Errands(const Errands&) = delete;
    Errands& operator=(const Errands&) = delete;

    /// Closes it together with others: with the next run(), when some wait, or at the end.
    void close(Fd file);
    /// `done` is called in the event loop with what `work` gave.
    void run(std::function<Result<void>()> work, std::function<void(Result<void>)> done);

private:
    void start(std::function<void()> errand, bool is_urgent);
    bool make_threads();
    void work();

    boost::asio::any_io_executor loop_;
    std::size_t wanted_;
    std::mutex mutex_;
    std::condition_variable has_work_;
    std::deque<std::function<void()>> waiting_;
    bool is_ending_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace mxpost::deliver
