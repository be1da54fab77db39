#include "deliver/removals.h"

#include <chrono>
#include <exception>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds kWithin{40};  // design 4 promises 50 ms
constexpr std::size_t kMost = 100;

void throw_on(const std::exception_ptr& error) {
    if (error) {
        std::rethrow_exception(error);
    }
}

}  // namespace

void Removals::note(ServedBox& box) {
    if (++box.unsynced_removals >= kMost) {
        begin(box);
    } else if (!box.is_removal_sync_due) {
        box.is_removal_sync_due = true;
        asio::co_spawn(executor_, begin_later(box), throw_on);
    }
}

asio::awaitable<void> Removals::begin_later(ServedBox& box) {
    asio::steady_timer timer(executor_, kWithin);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    box.is_removal_sync_due = false;
    begin(box);
}

void Removals::begin(ServedBox& box) {
    if (std::exchange(box.unsynced_removals, 0) > 0) {
        ++box.removal_syncs;
        errands_.run(
            [&box] { return box.store().sync_removals(); },
            [this, &box](const Result<void>& synced) {
                --box.removal_syncs;
                report(box, synced);
            }
        );
    }
}

void Removals::sync(ServedBox& box) {
    if (std::exchange(box.unsynced_removals, 0) > 0) {
        report(box, box.store().sync_removals());
    }
}

void Removals::report(ServedBox& box, const Result<void>& synced) {
    if (!synced) {
        log_.error(
            box.store().label() + ": removals may not survive a crash (then mail is sent twice): " +
            synced.error().message()
        );
    }
}

}  // namespace mxpost::deliver
