// Removals: syncs directories from which messages were taken, in groups: until then a message may
// come back after a crash, and be sent again (design 1.3 bounds how long).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/log.h"
#include "deliver/errands.h"
#include "deliver/served_box.h"

namespace mxpost::deliver {

class Removals {
public:
    /// References must outlive it and the executor's work. `errands` wait for the disk.
    Removals(boost::asio::any_io_executor executor, Errands& errands, Log& log)
        : executor_(std::move(executor)), errands_(errands), log_(log) {}

    /// A message was removed from the box, which stays where it is.
    void note(ServedBox& box);
    /// At the end of the box's service: waits for the disk.
    void sync(ServedBox& box);

private:
    boost::asio::awaitable<void> begin_later(ServedBox& box);
    void begin(ServedBox& box);
    void report(ServedBox& box, const Result<void>& synced);

    boost::asio::any_io_executor executor_;
    Errands& errands_;
    Log& log_;
};

}  // namespace mxpost::deliver
