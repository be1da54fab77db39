// MessageDelivery: one attempt for one claimed message, from its pending recipients to what is on
// disk afterwards.
//
//     claim → jobs by domain, side by side → outcomes into the journal → reports → removed, or
//     renamed to its next due time
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "deliver/domain_attempt.h"
#include "deliver/local_delivery.h"
#include "deliver/outcome_recorder.h"
#include "deliver/relay.h"
#include "deliver/reporting.h"
#include "deliver/services.h"
#include "deliver/signing.h"
#include "spool/store.h"

namespace mxpost::deliver {

class MessageDelivery {
public:
    /// `is_withdrawn`, where given: somebody wants no attempts any more; those that haven't begun
    /// aren't.
    MessageDelivery(
        Services& services,
        Outbox& outbox,
        std::unique_ptr<spool::Claim> claim,
        Finality finality,
        std::function<bool()> is_withdrawn = nullptr
    );

    /// Ends within a bounded time, but for a disk that takes no record: then it waits until it
    /// does, or until `stop()`. Nothing when the message is off the queue (removed or set aside),
    /// else the name under which it waits.
    boost::asio::awaitable<std::optional<spool::EntryName>> run();
    /// The engine ends: don't wait for the disk any more.
    void stop();
    /// Was the message's file taken off the box (so that the removal is to be synced)?
    bool is_removed() const { return is_removed_; }
    /// When it is due again, where the disk didn't let its name say so.
    std::optional<std::chrono::sys_seconds> unnamed_due() const { return unnamed_due_; }
    /// After run(), for what was asked of the message meanwhile.
    spool::Claim& claim() { return *claim_; }
    /// Of a removed message: see Claim.
    Fd take_file() { return claim_->take_file(); }

private:
    struct Job {
        std::string domain;  // as in the addresses, lower case; "" for this host's own
        Way way;             // through the relay: `domain` is one of several
        std::vector<std::uint32_t> recipients;  // indices in the envelope
    };

    boost::asio::awaitable<void> complete_envelope();
    void note_long_lines();
    bool is_for_here(std::uint32_t recipient) const;
    const mail::Address& destination_of(std::uint32_t recipient) const;
    std::vector<std::uint32_t> due_recipients();
    std::vector<Job> due_jobs();
    Way choose_way(const std::string& domain) const;
    std::optional<mail::RecipientOutcome> refusal() const;
    boost::asio::awaitable<void> sign_ahead(const std::vector<Job>& jobs);
    boost::asio::awaitable<AttemptResult> attempt(const Job& job, DialogueLog& dialogue);
    /// All of them must outlive it.
    Consignment consign(const Job& job, DialogueLog& dialogue, std::vector<std::size_t>& sources);
    std::function<void(std::exception_ptr)> report_bug();
    void end_job();
    boost::asio::awaitable<void> only_job(const Job& job);
    boost::asio::awaitable<void> guarded_job(const Job& job);
    AttemptResult defer_nameless(const Job& job) const;
    Result<std::unique_ptr<mail::Content>> make_content(
        const std::string& header, bool to_seven_bit
    );
    Result<std::unique_ptr<mail::Content>> make_signed_content(bool to_seven_bit);
    void release_copies();
    bool settle(
        const std::vector<std::uint32_t>& recipients,
        const std::vector<mail::RecipientOutcome>& outcomes
    );
    void record(const Job& job, const AttemptResult& result, const DialogueLog& dialogue);
    void append(const std::vector<spool::Record>& records);
    void sync_soon();
    std::optional<spool::EntryName> finish(bool is_everything_reported);
    bool is_removal_enough() const;

    Services& services_;
    std::unique_ptr<spool::Claim> claim_;
    Finality finality_;
    std::function<bool()> is_withdrawn_;
    mail::Envelope envelope_;  // the claim's, completed
    std::string header_;       // the claim's, completed
    schedule::RetryPolicy retry_;
    OutcomeRecorder recorder_;
    Reporting reporting_;
    LocalDelivery local_;
    MessageSigner signer_;
    boost::asio::steady_timer jobs_done_;
    boost::asio::steady_timer sync_timer_;
    std::size_t jobs_left_ = 0;
    std::string content_problem_;
    std::optional<std::chrono::sys_seconds> unnamed_due_;
    bool is_nameless_ = false;     // no server elsewhere would accept what completes the sender
    bool is_asked_for_;            // somebody wants an attempt now
    bool is_unattempted_ = false;  // the engine ends, and some of it was not tried
    bool is_sync_due_ = false;
    bool is_stopping_ = false;
    bool is_held_ = false;  // a bug: nobody may try it again before the engine ends
    bool is_removed_ = false;
};

}  // namespace mxpost::deliver
