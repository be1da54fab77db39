// LocalDelivery: the recipients of this host in one message, to where their mail goes.
//
//     aliases → a copy that goes on │ the local agent (mailbox, ~/.forward, programs) → an outcome
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "deliver/dialogue_log.h"
#include "deliver/domain_attempt.h"
#include "deliver/forwarding.h"
#include "local/request.h"

namespace mxpost::deliver {

/// Is this an address of this host: one of its domains, the literal of an own address, or none?
bool is_local(const Services& services, const mail::Address& address);
/// Where its mail goes: elsewhere, for one of this host, if the administrator says so.
const mail::Address& destination(const Services& services, const mail::Address& address);

/// The user whom an address of this host means: "Ann+news" is ann.
std::string user_name(const mail::Address& address);

class LocalDelivery {
public:
    /// The message's content from its start, with this header.
    using HeaderedSource = std::function<
        Result<std::unique_ptr<mail::Content>>(const std::string& header, bool to_seven_bit)>;

    /// `envelope` and `header`: the message's, completed. References must outlive it.
    LocalDelivery(
        Services& services,
        Outbox& outbox,
        spool::Claim& claim,
        const mail::Envelope& envelope,
        const std::string& header,
        HeaderedSource source,
        Finality finality
    );

    /// Somebody asked for this attempt: see Consignment.
    void set_urgent(bool is_urgent) { is_urgent_ = is_urgent; }
    /// Told of each recipient that has its outcome while others haven't. False: it can't be written
    /// down, and nobody else is served.
    using OnSettled =
        std::function<bool(std::uint32_t recipient, const mail::RecipientOutcome& outcome)>;
    void on_settled(OnSettled callback) { on_settled_ = std::move(callback); }
    /// The engine ends: recipients whose turn hasn't come are left untried.
    void stop() { is_stopping_ = true; }
    /// `recipients`: indices in the envelope, of local ones. Copies that were made wait for
    /// release_copies(). Ends within a bounded time; the outcomes are in the order of `recipients`,
    /// all of them unless there is a content problem or some are unattempted.
    boost::asio::awaitable<AttemptResult> run(
        std::vector<std::uint32_t> recipients, DialogueLog& dialogue
    );

    bool has_copies() const { return forwarding_.has_copies(); }
    /// The outcomes are durable.
    void release_copies() { forwarding_.release(); }

private:
    boost::asio::awaitable<mail::RecipientOutcome> deliver(
        std::uint32_t recipient, DialogueLog& dialogue
    );
    boost::asio::awaitable<mail::RecipientOutcome> deliver_leaves(
        std::uint32_t recipient, std::vector<local::Leaf> leaves, DialogueLog& dialogue
    );
    boost::asio::awaitable<mail::RecipientOutcome> deliver_here(
        std::uint32_t recipient, local::Leaf leaf, DialogueLog& dialogue
    );
    boost::asio::awaitable<mail::RecipientOutcome> hand_to_server(
        std::uint32_t recipient, local::Leaf leaf, DialogueLog& dialogue
    );
    boost::asio::awaitable<mail::RecipientOutcome> send_now(
        std::uint32_t recipient, std::vector<local::Leaf> leaves, DialogueLog& dialogue
    );
    boost::asio::awaitable<mail::RecipientOutcome> send_elsewhere(
        mail::Envelope envelope, mail::Address delivered_to, DialogueLog& dialogue
    );
    Consignment consign(
        const mail::Envelope& envelope,
        const std::string& header,
        std::vector<mail::Recipient> recipients,
        DialogueLog& dialogue
    ) const;
    std::string request_name(const local::Leaf& leaf);
    Result<local::Request> make_request(std::uint32_t recipient, const local::Leaf& leaf);
    std::optional<mail::RecipientOutcome> loop(std::uint32_t recipient) const;

    Services& services_;
    spool::Claim& claim_;
    const mail::Envelope& envelope_;
    const std::string& header_;
    HeaderedSource source_;
    bool is_urgent_ = false;
    Finality finality_;
    Forwarding forwarding_;
    OnSettled on_settled_;
    std::string content_problem_;
    bool is_unattempted_ = false;  // the helper or the LMTP server wasn't asked any more
    bool is_stopping_ = false;
};

}  // namespace mxpost::deliver
