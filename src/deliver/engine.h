// Engine: serves boxes until there is nothing left to do (on demand, once) or until it is told to
// end (system). One thread; everything that waits is a coroutine.
//
//     BoxSet → DueIndex → claim → MessageDelivery → DueIndex
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/file_system.h"
#include "deliver/box_set.h"
#include "deliver/errands.h"
#include "deliver/message_delivery.h"
#include "deliver/parking.h"
#include "deliver/removals.h"
#include "deliver/requests.h"
#include "deliver/services.h"

namespace mxpost::deliver {

enum class EngineRole : std::uint8_t {
    on_demand,  // one box, whose lock came along; ends when the box has been empty for a while
    system,     // every box that it may serve, now and later; ends by signal
    once        // every box that nobody serves: what is due, then the end
};

struct EngineOptions {
    EngineRole role = EngineRole::on_demand;
    std::vector<std::string> spools;  // roots whose boxes are served (system, once)
    std::size_t threads = 0;          // for what the disk is waited for; 0: the loop waits itself
    std::string own_spool;            // where reports go when the served box isn't ours
    /// Octets that headers and envelopes in work take; what is small always has room. Who sends
    /// large ones waits for others' like that, a single one never.
    std::size_t most_memory = 256U << 20;
};

/// How far a run has come, in messages.
struct RunFigures {
    std::size_t left = 0;    // due, or in work
    std::size_t active = 0;  // of them, in work
    std::size_t gone = 0;    // attempts after which the message was off the queue
    std::size_t kept = 0;    // … after which it wasn't
};

/// What runs beside the engine in its process and puts mail into its own box: the listener.
class Companion {
public:
    virtual ~Companion() = default;
    /// The engine was told to end: take nothing new.
    virtual void stop() = 0;
    /// Nothing is under way any more. The engine asks about once a second while it ends.
    virtual bool is_finished() const = 0;
};

class Engine final : public Outbox {
public:
    /// References must outlive it.
    Engine(
        boost::asio::io_context& io, FileSystem& files, Services& services, EngineOptions options
    );

    /// on_demand: the box, with its lock held.
    void adopt(spool::Box box);
    /// The engine ends when it has finished. It must outlive run().
    void accompany(Companion& companion) { companion_ = &companion; }
    /// The box of this process's own uid, where a companion's messages go. It stays as long as the
    /// engine; an error is worth another try later.
    Result<const spool::Box*> own_box();
    /// Messages in own_box(), as far as this engine serves it.
    std::size_t queued();
    /// A companion is about to make this message safe in own_box(): it is left alone, however it
    /// comes to be seen, until one of these two is called.
    void expect(const spool::MessageId& id);
    /// It is safe and unlocked: it is delivered now.
    void accepted(const spool::EntryName& name);
    /// It didn't come to be.
    void withdrawn(const spool::MessageId& id);
    /// Counts what is due each time.
    RunFigures figures() const;
    /// `observer` is called about once a second, and more often while a `once` run works.
    void observe(std::function<void()> observer) { observer_ = std::move(observer); }
    /// Runs to the end. Only a broken promise of ours throws.
    void run();
    /// It was told to end twice: what was under way still stands in coroutines that nobody resumes,
    /// and that hold parts of what this engine stands on.
    bool is_cut_off() const { return is_cut_off_; }

    // Outbox
    Result<std::unique_ptr<spool::Claim>> submit(
        const dsn::Report& report, const spool::MessageId& id
    ) override;
    void release(std::unique_ptr<spool::Claim> report) override;
    Result<std::unique_ptr<spool::Claim>> submit_copy(
        const spool::MessageId& id,
        const mail::Envelope& envelope,
        const std::string& header,
        const spool::BodySource& body
    ) override;
    bool has(const spool::MessageId& id) override;
    bool has_copy(const spool::MessageId& id, uid_t submitter) override;

private:
    boost::asio::awaitable<void> on_signals();
    boost::asio::awaitable<void> on_tick();
    boost::asio::awaitable<void> work(ServedBox& box, spool::EntryName name);
    boost::asio::awaitable<std::unique_ptr<spool::Claim>> take(
        ServedBox& box, const spool::EntryName& name
    );
    boost::asio::awaitable<std::unique_ptr<spool::Claim>> claim(
        ServedBox& box, const spool::EntryName& name
    );
    bool has_memory_for(const spool::Claim& claim) const;
    bool admit(ServedBox& box, spool::Claim& claim);
    void report_set_aside(ServedBox& box, const spool::MessageId& id, const std::string& reason);
    void report_limits(ServedBox& box);

    DueIndex::IsImplausible implausible_now() const;
    void dispatch();
    void dispatch_soon();
    bool may_begin();
    boost::asio::awaitable<void> dispatch_later();
    bool dispatch_from(ServedBox& box);
    void finish(
        ServedBox& box,
        const spool::MessageId& id,
        const std::optional<spool::EntryName>& next,
        std::chrono::sys_seconds not_before = {}
    );
    void settle(
        ServedBox& box,
        const spool::Claim& claim,
        Requests::Next next,
        std::chrono::sys_seconds not_before = {}
    );
    bool is_finished();
    bool is_idle_long_enough();
    bool has_due(const ServedBox& box) const;
    bool has_work_after_letting_go();
    void stop(const char* why);
    void end();

    boost::asio::io_context& io_;
    Services& services_;
    EngineOptions options_;
    Companion* companion_ = nullptr;
    BoxSet boxes_;
    Errands errands_;  // ends before what it works on
    Removals removals_;
    Parking parking_;
    std::vector<MessageDelivery*> deliveries_;  // under way
    std::size_t memory_ = 0;                    // of them, see memory_of()
    boost::asio::steady_timer tick_;
    boost::asio::signal_set signals_;
    double looks_ = 0;  // at messages, that may be spent beyond kMaxActiveUnbounded
    SteadyTime looks_counted_{};
    bool is_dispatch_posted_ = false;
    bool is_dispatch_timed_ = false;
    std::optional<SteadyTime> empty_since_;
    std::function<void()> observer_;
    std::size_t gone_ = 0;  // see RunFigures
    std::size_t kept_ = 0;
    std::size_t done_when_empty_ = 0;  // of both, at empty_since_
    bool is_stopping_ = false;         // no new attempts
    bool is_ended_ = false;
    bool is_cut_off_ = false;
};

}  // namespace mxpost::deliver
