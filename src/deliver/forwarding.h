// Forwarding: a message goes on to other addresses as a message of its own, so that each of them
// has its own retries and reports.
//
// The copy is durable, but held, before the journal of the original says that it exists, and goes
// when that is durable as well. Its id follows from the original's, so an engine that starts after
// a crash between the two finds the copy and makes no second one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "deliver/outbox.h"
#include "deliver/services.h"
#include "local/alias_expansion.h"
#include "mail/envelope.h"
#include "mail/outcome.h"
#include "spool/store.h"

namespace mxpost::deliver {

/// The recipients that `recipient` becomes in a copy, with what it asked for (RFC 3461 5.2.7): one
/// that is_single inherits all, several don't inherit NOTIFY=SUCCESS, which is answered here, and
/// the members of an owned list inherit nothing, as the owner hears of trouble with them.
std::vector<mail::Recipient> heirs(
    const mail::Recipient& recipient, const std::vector<local::Leaf>& leaves, bool is_single
);

/// The envelope of a copy for the members of `list` ("": none), without recipients. A list's owner
/// takes the place of a sender, but not of the null sender: nobody wants to hear of a lost bounce.
mail::Envelope envelope_of_copy(
    const mail::Envelope& original, const mail::Address& recipient, const std::string& list
);

class Forwarding {
public:
    /// `envelope` and `header`: the message's, completed. References must outlive it.
    Forwarding(
        Services& services,
        Outbox& outbox,
        spool::Claim& claim,
        const mail::Envelope& envelope,
        const std::string& header
    );

    /// Makes the copies for the recipient with this index: one, or one for each list's owner.
    /// `leaves`: at least one, none to be discarded. Delivered ("forwarded as ID") when all are
    /// durable; content_problem() is to be asked.
    mail::RecipientOutcome forward(std::uint32_t recipient, const std::vector<local::Leaf>& leaves);

    /// The message's file isn't what was submitted; empty: it is.
    const std::string& content_problem() const { return content_problem_; }
    /// There are copies that wait for release().
    bool has_copies() const { return !held_.empty(); }
    /// The journal that tells of the copies is durable: they may go.
    void release();

private:
    Result<spool::MessageId> copy(
        std::uint32_t recipient,
        const std::string& list,
        const std::vector<local::Leaf>& leaves,
        bool is_single
    );
    void withdraw(std::size_t from);
    spool::MessageId copy_id(std::uint32_t recipient, const std::string& list) const;

    Services& services_;
    Outbox& outbox_;
    spool::Claim& claim_;
    const mail::Envelope& envelope_;
    const std::string& header_;
    std::vector<std::unique_ptr<spool::Claim>> held_;
    std::map<std::string, spool::MessageId> copied_;  // who has a copy already, and in which one
    std::string content_problem_;
};

}  // namespace mxpost::deliver
