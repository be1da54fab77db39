// One message for some recipients over one session, and what came of it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mail/envelope.h"
#include "mail/outcome.h"

namespace mxpost::protocol {

/// A value: copies what it needs of the envelope, since the composer may have rewritten it (IDN
/// domains as A-labels, recipients that aliases expanded to).
struct Transaction {
    Transaction() = default;
    Transaction(mail::ReversePath sender_, std::vector<mail::Recipient> recipients_)
        : sender(std::move(sender_)), recipients(std::move(recipients_)) {}
    /// The sender and the DSN, SMTPUTF8 and REQUIRETLS facts of `envelope`, for these recipients.
    Transaction(const mail::Envelope& envelope, std::vector<mail::Recipient> recipients_)
        : sender(envelope.sender),
          recipients(std::move(recipients_)),
          dsn_return(envelope.dsn_return),
          envelope_id(envelope.envelope_id),
          is_smtp_utf8(envelope.is_smtp_utf8),
          requires_tls(envelope.requires_tls) {}

    mail::ReversePath sender;
    std::vector<mail::Recipient> recipients;  // one domain's; at most max_recipients()
    mail::DsnReturn dsn_return = mail::DsnReturn::unset;
    std::string envelope_id;    // RFC 3461 4.4, xtext
    bool is_smtp_utf8 = false;  // header or sender need RFC 6531 (addresses are looked at anyway)
    bool requires_tls = false;  // RFC 8689
    /// Ends when the server has answered to the last RCPT: nothing is delivered. Who is accepted is
    /// `deferred`, with the server's 2yz reply. No LMTP.
    bool is_probe = false;
    bool is_eight_bit = false;       // of the content; smtp::Session fills it in
    std::uint64_t content_size = 0;  // octets; smtp::Session fills it in
};

struct TransactionResult {
    TransactionResult() = default;

    /// One for each of Transaction::recipients, in its order. `delivered` only after a 2yz reply to
    /// the final dot.
    std::vector<mail::RecipientOutcome> outcomes;
    /// Another transaction may follow on this session.
    bool is_session_usable = false;
    /// The session broke before the final dot, or the server ended it with 421: the message
    /// certainly wasn't taken, so deferred recipients may be tried at the next host at once.
    /// False when the final dot may have arrived: trying at once would duplicate (RFC 1047).
    bool may_try_next_host = false;
    /// Besides: this was not the session's first transaction and its first reply was 421, or
    /// there was none. Says nothing about the host: connect to it anew.
    bool is_session_stale = false;
    /// Nothing about this message or its recipients was decided: its commands followed another
    /// message's content, and the session ended before a reply to them. No attempt; the outcomes
    /// hold a deferral all the same. Give it to another session.
    bool is_unattempted = false;
    /// The content wasn't what was promised; the connection was dropped without the final dot.
    bool is_content_bad = false;
    std::string content_problem;
};

}  // namespace mxpost::protocol
