// OutcomeRecorder: what became of a message's recipients, judged by the rules, logged, and written
// down in the claim's journal.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "deliver/dialogue_log.h"
#include "deliver/services.h"
#include "mail/envelope.h"
#include "spool/store.h"

namespace mxpost::deliver {

class OutcomeRecorder {
public:
    /// `envelope`: the claim's, completed. References must outlive it.
    OutcomeRecorder(
        Services& services,
        spool::Claim& claim,
        const mail::Envelope& envelope,
        const schedule::RetryPolicy& retry
    );

    /// The outcomes of some recipients of a job while others are under way: whoever has the message
    /// must not get it again because the engine dies before the others have theirs. Deferrals
    /// wait for note(): should they be lost, an early attempt is all that comes of it. False: they
    /// can't be written.
    bool settle(
        const std::vector<std::uint32_t>& recipients,
        const std::vector<mail::RecipientOutcome>& outcomes
    );
    /// What a job came to, for the next append() to write. Repeated deferrals wait for
    /// write_repeated().
    void note(
        const std::vector<std::uint32_t>& recipients,
        const std::vector<mail::RecipientOutcome>& outcomes,
        const DialogueLog& dialogue
    );
    /// Many deferrals that are as they were become one record.
    void write_repeated();
    /// Gives up those whose time is over (RFC 5321 4.5.4.1), or of whom a rule says that more
    /// attempts won't help. `is_asked_for`: not before the attempt that somebody asked for.
    void expire(bool is_asked_for);

    /// With what was noted before. False, and logged: the disk doesn't take it; the claim keeps it.
    bool append(const std::vector<spool::Record>& records);
    /// True when there is something that no sync() has made durable.
    bool is_unsynced() const { return is_unsynced_; }
    /// False, and logged: it isn't durable.
    bool sync();
    /// Everything that is known is on disk when this returns, or stop() was called.
    boost::asio::awaitable<void> make_durable();
    /// The engine ends: don't wait for the disk any more.
    void stop();

    bool has_pending() const;
    std::vector<schedule::PendingRecipient> pending() const;
    bool is_delivered(std::uint32_t recipient) const;
    bool is_all_delivered() const;

private:
    mail::RecipientOutcome judge(mail::RecipientOutcome outcome) const;
    void log_outcome(std::uint32_t recipient, const mail::RecipientOutcome& outcome) const;

    Services& services_;
    spool::Claim& claim_;
    const mail::Envelope& envelope_;
    const schedule::RetryPolicy& retry_;
    boost::asio::steady_timer retry_timer_;
    std::vector<spool::Record> repeated_;  // deferrals that are as they were
    std::set<std::uint32_t> settled_;  // recipients whose outcome was recorded before their job's
    std::set<std::uint32_t> untried_;  // recipients that were left alone this time
    bool is_unsynced_ = false;
    bool is_stopping_ = false;
};

}  // namespace mxpost::deliver
