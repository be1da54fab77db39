// Engine: serves boxes until there is nothing left to do (on demand, once) or until it is told to
// end (system). One thread; everything that waits is a coroutine.
//
//     watch, scans → DueIndex → claim → MessageDelivery → DueIndex
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/file_system.h"
#include "deliver/message_delivery.h"
#include "deliver/served_box.h"
#include "deliver/services.h"
#include "spool/watch.h"

namespace mxpost::deliver {

enum class EngineRole {
    on_demand,  // one box, whose lock came along; ends when the box has been empty for a while
    system,     // every box that it may serve, now and later; ends by signal
    once        // every box that nobody serves: what is due, then the end
};

struct EngineOptions {
    EngineRole role = EngineRole::on_demand;
    std::vector<std::string> spools;  // roots whose boxes are served (system, once)
    std::string own_spool;            // where reports go when the served box isn't ours
};

class Engine final : public Outbox {
public:
    /// References must outlive it.
    Engine(
        boost::asio::io_context& io, FileSystem& files, Services& services, EngineOptions options
    );

    /// on_demand: the box, with its lock held.
    void adopt(spool::Box box);
    /// Runs to the end. Only a broken promise of ours throws.
    void run();

    // Outbox
    Result<std::unique_ptr<spool::Claim>> submit(
        const dsn::Report& report, const spool::MessageId& id
    ) override;
    void release(std::unique_ptr<spool::Claim> report) override;
    bool has(const spool::MessageId& id) override;

private:
    boost::asio::awaitable<void> on_signals();
    boost::asio::awaitable<void> on_watch();
    boost::asio::awaitable<void> on_tick();
    boost::asio::awaitable<void> work(ServedBox& box, spool::EntryName name);
    boost::asio::awaitable<std::unique_ptr<spool::Claim>> claim(
        ServedBox& box, spool::EntryName& name
    );
    boost::asio::awaitable<void> sync_removals_later(ServedBox& box);

    void find_boxes();
    void tidy(const std::string& root);
    void add_box(spool::Box box);
    void start_serving(ServedBox& box);
    void try_boxes();
    void rescan_where_due();
    void dispatch();
    bool dispatch_from(ServedBox& box);
    void note_removal(ServedBox& box);
    void sync_removals(ServedBox& box);
    bool is_finished();
    bool is_idle_on_demand();
    void stop(const char* why);
    void end();
    ServedBox* own_box();
    std::size_t active() const;

    boost::asio::io_context& io_;
    FileSystem& files_;
    Services& services_;
    EngineOptions options_;
    std::optional<spool::Watch> watch_;
    boost::asio::posix::stream_descriptor watch_stream_;
    std::vector<int> root_watches_;
    std::vector<std::unique_ptr<ServedBox>> boxes_;
    std::vector<MessageDelivery*> deliveries_;  // under way
    boost::asio::steady_timer tick_;
    boost::asio::signal_set signals_;
    std::size_t next_box_ = 0;
    SteadyTime last_scan_{};
    SteadyTime empty_since_{};
    bool is_stopping_ = false;  // no new attempts
    bool is_ended_ = false;
};

}  // namespace mxpost::deliver
