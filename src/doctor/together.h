// Runs coroutines side by side on one executor and waits for all of them.
#pragma once

#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mxpost::doctor {

/// The results in the order of `tasks`. The first exception is thrown when all have ended. Results
/// are default-constructible.
template <class T>
boost::asio::awaitable<std::vector<T>> all_of(
    boost::asio::any_io_executor executor, std::vector<boost::asio::awaitable<T>> tasks
) {
    struct State {
        explicit State(const boost::asio::any_io_executor& executor_)
            : done(executor_, boost::asio::steady_timer::time_point::max()) {}

        std::vector<T> results;
        std::size_t left = 0;
        std::exception_ptr error;
        boost::asio::steady_timer done;  // cancelled with the last
    };
    const auto state = std::make_shared<State>(executor);
    state->results.resize(tasks.size());
    state->left = tasks.size();
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        boost::asio::co_spawn(
            executor,
            std::move(tasks[i]),
            [state, i](const std::exception_ptr& error, T result) {
                state->results[i] = std::move(result);
                state->error = state->error ? state->error : error;
                if (--state->left == 0) {
                    state->done.cancel();
                }
            }
        );
    }
    while (state->left > 0) {
        co_await state->done.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    if (state->error) {
        std::rethrow_exception(state->error);
    }
    co_return std::move(state->results);
}

}  // namespace mxpost::doctor
