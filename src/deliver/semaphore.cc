#include "deliver/semaphore.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mxpost::deliver {

namespace asio = boost::asio;

struct Semaphore::Waiter {
    explicit Waiter(const asio::any_io_executor& executor)
        : timer(executor, asio::steady_timer::time_point::max()) {}
    asio::steady_timer timer;  // cancelled to wake
    bool has_permit = false;
};

Semaphore::Permit& Semaphore::Permit::operator=(Permit&& other) noexcept {
    std::swap(owner_, other.owner_);
    return *this;
}

Semaphore::Permit::~Permit() {
    if (owner_ != nullptr) {
        owner_->release();
    }
}

asio::awaitable<Semaphore::Permit> Semaphore::acquire() {
    if (free_ > 0) {
        --free_;
        co_return Permit(this);
    }
    auto waiter = std::make_shared<Waiter>(executor_);
    waiters_.push_back(waiter);
    while (!waiter->has_permit) {
        co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return Permit(this);
}

void Semaphore::release() {
    if (waiters_.empty()) {
        ++free_;
        return;
    }
    // Straight to the next in turn, so that nobody who comes later can overtake.
    waiters_.front()->has_permit = true;
    waiters_.front()->timer.cancel();
    waiters_.pop_front();
}

}  // namespace mxpost::deliver
