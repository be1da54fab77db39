// SiteJob: one message for the recipients of one destination, from the moment in which its site is
// known until each of them has an outcome. It waits in the site's queue, is sent over one of the
// site's sessions, and goes on to the next host where one breaks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "deliver/dialogue_log.h"
#include "deliver/next_hop.h"
#include "mail/content.h"
#include "mail/envelope.h"
#include "mail/outcome.h"
#include "protocol/transaction.h"
#include "schedule/fair_queue.h"

namespace mxpost::deliver {

struct Services;

struct AttemptResult {
    std::vector<mail::RecipientOutcome> outcomes;  // one for each recipient, in order
    std::string content_problem;  // not empty: the message file isn't what was submitted
    /// Nothing was tried, because the engine ends: the outcomes say nothing.
    bool is_unattempted = false;
};

/// How far an attempt has come.
enum class Reach : std::uint8_t {
    untried,      // no connection was begun, or none for lack of a route here
    unreachable,  // no host took one
    connected
};

/// Makes the content from its start; called once for each transaction. `to_seven_bit`: for a server
/// without 8BITMIME.
using ContentSource = std::function<Result<std::unique_ptr<mail::Content>>(bool to_seven_bit)>;

/// What is to be sent, and for whom. References must outlive the job.
struct Consignment {
    Consignment(
        const mail::Envelope& envelope_,
        std::vector<mail::Recipient> recipients_,
        ContentSource source_,
        DialogueLog& dialogue_,
        schedule::Turn turn_
    )
        : envelope(envelope_),
          recipients(std::move(recipients_)),
          source(std::move(source_)),
          dialogue(dialogue_),
          turn(std::move(turn_)) {}

    const mail::Envelope& envelope;
    std::vector<mail::Recipient> recipients;  // one destination's, qualified, at least one
    ContentSource source;
    DialogueLog& dialogue;
    schedule::Turn turn;
    TlsWish tls_wish = TlsWish::usual;
    bool is_urgent = false;  // somebody asked for this attempt: tried even while the site rests
    /// Asked until it begins: somebody doesn't want it tried any more. Null: nobody can.
    std::function<bool()> is_withdrawn;
    /// Told which recipients (indices) are settled while others are not, with what holds for all of
    /// them so far. False: that can't be written down, and nothing more is begun. Null: nobody
    /// wants to know before the end.
    std::function<bool(
        const std::vector<std::size_t>& settled, const std::vector<mail::RecipientOutcome>& outcomes
    )>
        on_settled;
};

/// What is to be done about one recipient after a transaction.
enum class Fate : std::uint8_t {
    as_result,   // as the transaction's result says: most often it is settled
    other_host,  // try another host, or the other address family, at once
    again        // in another transaction of this session
};

/// Stays where it is; the site and its sessions point to it until it is complete.
class SiteJob {
public:
    /// `hop` is there before the job is queued; `destination` outlives the job.
    SiteJob(
        const boost::asio::any_io_executor& executor,
        Services& services,
        Destination& destination,
        Consignment consignment
    );
    SiteJob(const SiteJob&) = delete;
    SiteJob& operator=(const SiteJob&) = delete;

    Services& services() const { return services_; }
    Destination& destination() const { return destination_; }
    DialogueLog& dialogue() const { return consignment_.dialogue; }
    const schedule::Turn& turn() const { return consignment_.turn; }
    TlsWish tls_wish() const { return consignment_.tls_wish; }
    bool is_urgent() const { return consignment_.is_urgent; }
    bool is_withdrawn() const { return consignment_.is_withdrawn && consignment_.is_withdrawn(); }

    std::shared_ptr<const NextHop> hop;
    Reach reach = Reach::untried;
    /// Peers (their text()) to which a session was opened, or begun to be, for this job.
    std::vector<std::string> tried;
    /// It was counted for the site's rate when it was taken: its next transaction isn't again.
    bool is_counted = false;

    // On a session: what is left to be sent over it.

    /// All whose outcome another host may better are to be sent.
    void begin_session() {
        unsent_ = open_;
        is_touched_ = false;
    }
    /// Something was decided since, or a part of it was carried.
    bool is_touched() const { return is_touched_; }
    /// In any session: a transaction came to nothing, and left it to other hosts.
    bool was_tried_in_vain() const { return was_tried_in_vain_; }
    bool has_unsent() const { return !unsent_.empty(); }
    /// The next recipients for one transaction, at most `most`, and none from the first on that
    /// doesn't fit.
    std::vector<std::size_t> take_chunk(
        std::size_t most,
        const std::function<bool(const mail::Recipient&)>& fits = [](const auto&) { return true; }
    );
    /// These were not tried after all.
    void return_chunk(const std::vector<std::size_t>& chunk);
    protocol::Transaction transaction(const std::vector<std::size_t>& chunk) const;
    Result<std::unique_ptr<mail::Content>> content(bool to_seven_bit) const {
        return consignment_.source(to_seven_bit);
    }

    // What came of it.

    /// `fates`: one for each of the chunk's recipients. What the rules make of a refusal is in
    /// `result` already where it isn't the last word.
    void apply(
        const std::vector<std::size_t>& chunk,
        const protocol::TransactionResult& result,
        const std::vector<Fate>& fates
    );
    /// The message file: not what was submitted, or not to be read at present.
    void note_content_trouble(const Error& error);
    /// What holds for everybody who is left unless another host does better. Of two hosts' troubles
    /// the one that may pass counts: RFC 5321 5.1 wants all hosts tried before mail is returned.
    void note_trouble(const mail::RecipientOutcome& outcome);
    /// No host is left to be tried; but where others couldn't be at present, the refusals of those
    /// that don't want to serve us at all aren't the last word.
    void note_left_out();
    /// No further host is tried.
    void close_open() { open_.clear(); }
    /// One that was noted for those who are left; null: none of them is deferred.
    const mail::RecipientOutcome* deferral() const;
    bool has_open() const { return !open_.empty() && result_.content_problem.empty(); }

    /// Whoever waits goes on, soon. Nobody of the site looks at the job any more.
    void complete();
    /// The same where the engine ends first: unattempted, unless something was decided before.
    void complete_unattempted();
    boost::asio::awaitable<AttemptResult> wait();

private:
    void note(std::size_t index, const mail::RecipientOutcome& outcome);

    Services& services_;
    Destination& destination_;
    Consignment consignment_;
    AttemptResult result_;
    std::vector<std::size_t> open_;  // indices of recipients for whom another host may be tried
    std::vector<std::size_t> unsent_;
    bool is_touched_ = false;     // in the present session
    bool is_decided_ = false;     // in any: the result says something
    std::vector<bool> is_noted_;  // of each recipient: its outcome is a host's
    bool was_tried_in_vain_ = false;
    bool is_complete_ = false;
    boost::asio::steady_timer completion_;
};

}  // namespace mxpost::deliver
