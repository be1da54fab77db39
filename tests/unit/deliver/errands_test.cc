#include "deliver/errands.h"

#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

namespace mxpost::deliver {
namespace {

/// The reading end of a pipe sees the end of file when the writing end was closed.
struct Pipe {
    Pipe() {
        int ends[2] = {-1, -1};
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        reading = Fd(ends[0]);
        writing = Fd(ends[1]);
    }
    bool is_at_end() const {
        char octet = 0;
        return ::read(reading.get(), &octet, 1) == 0;
    }
    Fd reading;
    Fd writing;
};

TEST(Errands, ClosesInAnotherThreadWithTheNextErrand) {
    boost::asio::io_context io;
    Errands errands(io.get_executor(), 2);
    for (int i = 0; i < 1000; ++i) {
        Pipe pipe;
        errands.close(std::move(pipe.writing));
        errands.run([] { return Result<void>(); }, [](const Result<void>&) {});
        ASSERT_TRUE(pipe.is_at_end());  // waits until it is
    }
}

TEST(Errands, ClosesWhenSomeWait) {
    boost::asio::io_context io;
    Errands errands(io.get_executor(), 2);
    std::vector<Pipe> pipes(100);
    for (Pipe& pipe : pipes) {
        errands.close(std::move(pipe.writing));
    }
    for (std::size_t i = 0; i < 80; ++i) {
        ASSERT_TRUE(pipes[i].is_at_end());
    }
}

TEST(Errands, ClosesAtTheEnd) {
    boost::asio::io_context io;
    Pipe pipe;
    {
        Errands errands(io.get_executor(), 2);
        errands.close(std::move(pipe.writing));
    }
    EXPECT_TRUE(pipe.is_at_end());
}

TEST(Errands, TellsTheEventLoopWhatBecameOfIt) {
    boost::asio::io_context io;
    const auto guard = boost::asio::make_work_guard(io);
    Errands errands(io.get_executor(), 1);
    const auto loop = std::this_thread::get_id();
    std::thread::id worker;
    std::size_t told = 0;
    for (int i = 0; i < 10; ++i) {
        errands.run(
            [&]() -> Result<void> {
                worker = std::this_thread::get_id();
                return Error::from_errno(EIO, "sync");
            },
            [&](const Result<void>& result) {
                EXPECT_EQ(std::this_thread::get_id(), loop);
                EXPECT_NE(worker, loop);
                ASSERT_FALSE(result);
                EXPECT_TRUE(result.error().is(EIO));
                ++told;
            }
        );
    }
    while (told < 10) {
        io.run_one();
    }
}

TEST(Errands, WithoutThreadsTheCallerDoesItAtOnce) {
    boost::asio::io_context io;
    Errands errands(io.get_executor(), 0);
    Pipe pipe;
    const int number = pipe.writing.get();
    errands.close(std::move(pipe.writing));
    EXPECT_LT(::fcntl(number, F_GETFD), 0);
    bool is_told = false;
    errands.run(
        [] { return Result<void>(); },
        [&](const Result<void>& result) { is_told = result.has_value(); }
    );
    EXPECT_TRUE(is_told);
}

TEST(Errands, EndsWithWhatItWasGiven) {
    boost::asio::io_context io;
    std::vector<Pipe> pipes(100);
    {
        Errands errands(io.get_executor(), 1);
        for (Pipe& pipe : pipes) {
            errands.close(std::move(pipe.writing));
        }
    }
    for (const Pipe& pipe : pipes) {
        EXPECT_TRUE(pipe.is_at_end());
    }
}

}  // namespace
}  // namespace mxpost::deliver
