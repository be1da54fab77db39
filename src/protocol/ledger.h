// Who of a transaction's recipients has which outcome so far. It ends with exactly one each, and
// `delivered` comes out only through deliver_accepted().
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "mail/outcome.h"
#include "protocol/reply.h"

namespace mxpost::protocol {

/// An outcome made of a negative reply at `step`: 5yz fails, anything else defers; the status is
/// the server's if it gave one, else "4.0.0" or "5.0.0".
mail::RecipientOutcome refusal_outcome(const Reply& reply, mail::Step step = mail::Step::none);
/// A deferral of our own making, such as "4.4.2 connection lost …".
mail::RecipientOutcome deferral(std::uint16_t subject, std::uint16_t detail, std::string text);
/// The same, to be tried again: for refusals that say nothing of the mail.
mail::RecipientOutcome deferred(mail::RecipientOutcome outcome);
mail::RecipientOutcome failure(std::uint16_t subject, std::uint16_t detail, std::string text);

class Ledger {
public:
    Ledger() = default;
    explicit Ledger(std::size_t recipients) : entries_(recipients) {}

    std::size_t size() const { return entries_.size(); }
    bool is_open(std::size_t index) const { return !entries_[index].outcome; }
    std::size_t open_count() const;
    std::size_t accepted_count() const;
    bool is_accepted(std::size_t index) const {
        return entries_[index].is_accepted && is_open(index);
    }

    /// The server took RCPT; the outcome comes with the end of data.
    void accept(std::size_t index) { entries_[index].is_accepted = true; }
    /// Nobody is accepted any more: the message starts anew.
    void withdraw();
    /// Keeps the first outcome that was given.
    void settle(std::size_t index, const mail::RecipientOutcome& outcome);
    /// All that have no outcome; how many that were.
    std::size_t settle_open(const mail::RecipientOutcome& outcome);
    /// LMTP's 2yz for one accepted recipient.
    void deliver(std::size_t index, const Reply& reply);
    /// The 2yz to the final dot: every accepted recipient is delivered.
    void deliver_accepted(const Reply& reply, mail::SuccessReport success);
    /// Forgets whatever was decided: everybody gets `outcome`.
    void overrule(const mail::RecipientOutcome& outcome);
    /// In order; who is open (none is, after a transaction has ended) is deferred.
    std::vector<mail::RecipientOutcome> outcomes() const&;
    /// The same, when nobody will ask again.
    std::vector<mail::RecipientOutcome> outcomes() &&;

private:
    struct Entry {
        bool is_accepted = false;
        std::optional<mail::RecipientOutcome> outcome;
    };
    std::vector<Entry> entries_;
};

}  // namespace mxpost::protocol
