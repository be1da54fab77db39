// MessageDelivery: one attempt for one claimed message, from its pending recipients to what is on
// disk afterwards.
//
//     claim → jobs by domain, side by side → outcomes into the journal → reports → removed, or
//     renamed to its next due time
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "deliver/domain_attempt.h"
#include "deliver/services.h"
#include "dsn/report.h"
#include "spool/store.h"

namespace mxpost::deliver {

/// Where reports about a message go.
class Outbox {
public:
    virtual ~Outbox() = default;
    /// Queues a report durably; it is claimed, and not sent before release().
    virtual Result<std::unique_ptr<spool::Claim>> submit(
        const dsn::Report& report, const spool::MessageId& id
    ) = 0;
    /// The original's journal says that the report exists: it may go.
    virtual void release(std::unique_ptr<spool::Claim> report) = 0;
    /// True when a report with this id is in the queue already: the process died between writing it
    /// and noting so.
    virtual bool has(const spool::MessageId& id) = 0;
};

enum class Finality {
    keep_trying,    // deferred recipients stay in the queue
    single_attempt  // there is no queue: what isn't delivered now is reported, if anything was
                    // delivered
};

class MessageDelivery {
public:
    MessageDelivery(
        Services& services, Outbox& outbox, std::unique_ptr<spool::Claim> claim, Finality finality
    );

    /// Ends within a bounded time, but for a disk that takes no record: then it waits until it
    /// does, or until `stop()`. Nothing when the message is off the queue (removed or set aside),
    /// else the name under which it waits.
    boost::asio::awaitable<std::optional<spool::EntryName>> run();
    /// The engine ends: don't wait for the disk any more.
    void stop();
    /// Was the message's file taken off the box (so that the removal is to be synced)?
    bool is_removed() const { return is_removed_; }
    const spool::Claim& claim() const { return *claim_; }

private:
    struct Job {
        std::string domain;  // as in the addresses, lower case; "" for unqualified ones
        std::vector<std::uint32_t> recipients;  // indices in the envelope
    };

    void complete_envelope();
    std::vector<std::uint32_t> due_recipients() const;
    std::vector<Job> due_jobs() const;
    boost::asio::awaitable<void> run_job(const Job& job);
    boost::asio::awaitable<AttemptResult> attempt(const Job& job, DialogueLog& dialogue);
    boost::asio::awaitable<void> guarded_job(const Job& job);
    AttemptResult defer_local(const Job& job) const;
    Result<std::unique_ptr<mail::Content>> make_content();
    void record(const Job& job, const AttemptResult& result, const DialogueLog& dialogue);
    void log_outcome(const mail::Recipient& recipient, const mail::RecipientOutcome& outcome) const;
    void append(const std::vector<spool::Record>& records);
    void sync_soon();
    boost::asio::awaitable<void> settle_journal();
    void expire();
    bool report(spool::ReportKind kind, const std::vector<std::uint32_t>& recipients);
    bool report_some(spool::ReportKind kind, const std::vector<std::uint32_t>& recipients);
    bool is_told(std::uint32_t recipient) const;
    bool report_failures();
    void report_delays();
    spool::MessageId report_id() const;
    std::optional<spool::EntryName> finish(bool is_everything_reported);
    std::vector<std::uint32_t> unreported_failures() const;
    std::vector<schedule::PendingRecipient> pending_recipients() const;
    bool is_warning_open() const;
    bool has_pending() const;
    bool is_all_delivered() const;

    Services& services_;
    Outbox& outbox_;
    std::unique_ptr<spool::Claim> claim_;
    Finality finality_;
    mail::Envelope envelope_;  // the claim's, completed
    std::string header_;       // the claim's, completed
    boost::asio::steady_timer jobs_done_;
    boost::asio::steady_timer retry_record_;
    std::size_t jobs_left_ = 0;
    std::string content_problem_;
    bool is_sync_due_ = false;
    bool is_stopping_ = false;
    bool is_removed_ = false;
};

}  // namespace mxpost::deliver
