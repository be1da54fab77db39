#include "deliver/semaphore.h"

#include <stdexcept>
#include <string>

#include <boost/asio.hpp>
#include <gtest/gtest.h>

namespace mxpost::deliver {
namespace {

namespace asio = boost::asio;

class SemaphoreTest : public testing::Test {
protected:
    /// Takes a permit, notes the name, keeps the permit until its gate opens.
    static asio::awaitable<void> hold(
        SemaphoreTest* test, std::string name, asio::steady_timer* gate
    ) {
        const Semaphore::Permit permit = co_await test->semaphore_.acquire();
        test->order_ += name;
        co_await gate->async_wait(asio::as_tuple(asio::use_awaitable));
    }
    static asio::awaitable<void> fail(SemaphoreTest* test, asio::steady_timer* gate) {
        const Semaphore::Permit permit = co_await test->semaphore_.acquire();
        test->order_ += "!";
        co_await gate->async_wait(asio::as_tuple(asio::use_awaitable));
        throw std::runtime_error("a bug");
    }
    /// Takes both permits and gives one back, by moving them about.
    static asio::awaitable<void> juggle(
        SemaphoreTest* test, std::optional<Semaphore::Permit>* out
    ) {
        Semaphore::Permit first = co_await test->semaphore_.acquire();
        Semaphore::Permit second = co_await test->semaphore_.acquire();
        first = std::move(second);
        *out = std::move(first);
    }
    void spawn(asio::awaitable<void> work) {
        asio::co_spawn(io_, std::move(work), [this](const std::exception_ptr& error) {
            exceptions_ += error ? 1 : 0;
        });
    }
    asio::steady_timer closed() {
        return asio::steady_timer(io_, asio::steady_timer::time_point::max());
    }

    asio::io_context io_;
    Semaphore semaphore_{io_.get_executor(), 2};
    std::string order_;
    int exceptions_ = 0;
};

TEST_F(SemaphoreTest, LetsAsManyInAsItHasPermitsAndTheRestInTurn) {
    auto gate = closed();
    for (const char* name : {"a", "b", "c", "d", "e"}) {
        auto work = hold(this, name, &gate);
        spawn(std::move(work));
    }
    io_.poll();
    EXPECT_EQ(order_, "ab");
    EXPECT_TRUE(semaphore_.has_waiters());

    gate.cancel();  // a and b end, c and d go in
    io_.poll();
    EXPECT_EQ(order_, "abcd");

    gate.cancel();
    io_.poll();
    EXPECT_EQ(order_, "abcde");
    EXPECT_FALSE(semaphore_.has_waiters());
    gate.cancel();
    io_.poll();
}

TEST_F(SemaphoreTest, NobodyWhoComesLaterOvertakesOneThatWaits) {
    auto first = closed();
    auto others = closed();
    auto a = hold(this, "a", &first);
    auto b = hold(this, "b", &others);
    auto c = hold(this, "c", &others);
    spawn(std::move(a));
    spawn(std::move(b));
    spawn(std::move(c));
    io_.poll();
    ASSERT_EQ(order_, "ab");

    // The permit of a is free at this moment, but it is promised to c.
    first.cancel();
    io_.poll_one();
    auto d = hold(this, "d", &others);
    spawn(std::move(d));
    io_.poll();
    EXPECT_EQ(order_, "abc");
    others.cancel();
    io_.poll();
    EXPECT_EQ(order_, "abcd");
    others.cancel();
    io_.poll();
}

TEST_F(SemaphoreTest, APermitComesBackFromACoroutineThatDies) {
    auto bad = closed();
    auto good = closed();
    auto one = fail(this, &bad);
    auto two = fail(this, &bad);
    auto three = hold(this, "x", &good);
    auto four = hold(this, "y", &good);
    auto five = hold(this, "z", &good);
    spawn(std::move(one));
    spawn(std::move(two));
    spawn(std::move(three));
    spawn(std::move(four));
    spawn(std::move(five));
    io_.poll();
    ASSERT_EQ(order_, "!!");

    bad.cancel();
    io_.poll();
    EXPECT_EQ(exceptions_, 2);
    EXPECT_EQ(order_, "!!xy");
    good.cancel();
    io_.poll();
    EXPECT_EQ(order_, "!!xyz");
    good.cancel();
    io_.poll();
}

TEST_F(SemaphoreTest, MovingAPermitNeitherLosesNorDoublesIt) {
    std::optional<Semaphore::Permit> kept;
    auto work = juggle(this, &kept);
    spawn(std::move(work));
    io_.poll();
    ASSERT_TRUE(kept);

    // One of two is out: exactly one more goes in.
    auto gate = closed();
    auto a = hold(this, "a", &gate);
    auto b = hold(this, "b", &gate);
    spawn(std::move(a));
    spawn(std::move(b));
    io_.restart();
    io_.poll();
    EXPECT_EQ(order_, "a");
    kept.reset();
    io_.poll();
    EXPECT_EQ(order_, "ab");
    gate.cancel();
    io_.poll();
}

}  // namespace
}  // namespace mxpost::deliver
