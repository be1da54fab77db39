// DomainAttempt: one attempt to deliver one message to those of its recipients that have one
// destination: a domain's hosts, most often.
//
//     next hop → site slot → warm session, or the hosts in order → one transaction per chunk of
//     recipients → an outcome for each
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "deliver/dialogue_log.h"
#include "deliver/next_hop.h"
#include "deliver/services.h"
#include "mail/content.h"
#include "mail/envelope.h"
#include "mail/outcome.h"
#include "smtp/session.h"

namespace mxpost::deliver {

struct AttemptResult {
    std::vector<mail::RecipientOutcome> outcomes;  // one for each recipient, in order
    std::string content_problem;  // not empty: the message file isn't what was submitted
};

/// How far an attempt has come.
enum class Reach : std::uint8_t {
    untried,      // no connection was begun, or none for lack of a route here
    unreachable,  // no host took one
    connected
};

class DomainAttempt {
public:
    /// Makes the content from its start; called once for each transaction. `to_seven_bit`: the
    /// server lacks 8BITMIME (RFC 6152 3).
    using ContentSource = std::function<Result<std::unique_ptr<mail::Content>>(bool to_seven_bit)>;

    /// `recipients`: those of the destination, in the envelope's order, qualified, at least one.
    /// References must outlive run().
    DomainAttempt(
        Services& services,
        std::unique_ptr<Destination> destination,
        const mail::Envelope& envelope,
        std::vector<mail::Recipient> recipients,
        ContentSource source,
        DialogueLog& dialogue
    );
    /// To the MX hosts of the recipients' domain.
    DomainAttempt(
        Services& services,
        const mail::Envelope& envelope,
        std::vector<mail::Recipient> recipients,
        ContentSource source,
        DialogueLog& dialogue
    );

    /// Ends within a bounded time; the outcomes are complete.
    boost::asio::awaitable<AttemptResult> run();

    // After run().
    Reach reach() const { return reach_; }
    /// See NextHop; empty where none was found.
    const std::string& site() const { return site_; }

private:
    boost::asio::awaitable<void> try_hosts(const NextHop& hop, Site& site);
    boost::asio::awaitable<std::unique_ptr<WarmSession>> open_session(
        std::vector<smtp::Peer>& peers, smtp::SessionSettings settings
    );
    boost::asio::awaitable<std::optional<mail::RecipientOutcome>> greet(smtp::Session& session);
    boost::asio::awaitable<void> transact(std::unique_ptr<WarmSession> warm, Site& site);
    void apply(const std::vector<std::size_t>& chunk, const smtp::TransactionResult& result);
    void note_content_trouble(const Error& error);
    void note_trouble(const mail::RecipientOutcome& outcome);
    bool is_done() const { return open_.empty() || !result_.content_problem.empty(); }

    Services& services_;
    std::unique_ptr<Destination> destination_;
    const mail::Envelope& envelope_;
    std::vector<mail::Recipient> recipients_;
    ContentSource source_;
    DialogueLog& dialogue_;
    AttemptResult result_;
    std::vector<std::size_t> open_;  // indices of recipients for whom another host may be tried
    std::string site_;
    Reach reach_ = Reach::untried;
    bool has_trouble_ = false;  // open_ has outcomes of a host that didn't serve us
};

}  // namespace mxpost::deliver
