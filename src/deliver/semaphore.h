// Semaphore: bounds how many coroutines do something at once; those who wait go in turn.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

namespace mxpost::deliver {

/// For coroutines of one thread. Must outlive its permits and waiters.
class Semaphore {
public:
    Semaphore(boost::asio::any_io_executor executor, std::size_t permits)
        : executor_(std::move(executor)), free_(permits) {}

    /// One permit; given back when it is destroyed.
    class Permit {
    public:
        explicit Permit(Semaphore* owner) : owner_(owner) {}
        Permit(Permit&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
        Permit& operator=(Permit&& other) noexcept;
        Permit(const Permit&) = delete;
        Permit& operator=(const Permit&) = delete;
        ~Permit();

    private:
        Semaphore* owner_;
    };

    boost::asio::awaitable<Permit> acquire();
    bool has_waiters() const { return !waiters_.empty(); }

private:
    void release();

    boost::asio::any_io_executor executor_;
    std::size_t free_;
    struct Waiter;
    std::deque<std::shared_ptr<Waiter>> waiters_;
};

}  // namespace mxpost::deliver
