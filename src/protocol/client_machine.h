// The client side of SMTP (RFC 5321) without I/O: events in, octets and wishes out. smtp::Session
// drives it over a socket; tests and the fuzzer drive it over nothing.
//
//     Opening (greeting, EHLO, STARTTLS, EHLO) → idle
//     idle → Exchange (MAIL, RCPT…, DATA, content) → idle, with an outcome per recipient
//     idle → QUIT → finished;   any trouble → finished
//
// This class holds what is the session's: octets in and out, which part they belong to, endings.
//
// The driver loops: do what want() says (first writing output()), report what happened, until
// want() is `idle` or `finished`. Every reply belongs to a command that was sent: octets that no
// command asked for end the session (or, after STARTTLS, show an attack: RFC 3207 4.2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mail/outcome.h"
#include "protocol/capabilities.h"
#include "protocol/client_output.h"
#include "protocol/client_settings.h"
#include "protocol/dialogue.h"
#include "protocol/exchange.h"
#include "protocol/opening.h"
#include "protocol/reply.h"
#include "protocol/timeouts.h"
#include "protocol/transaction.h"

namespace mxpost::protocol {

class ClientMachine {
public:
    enum class Want {
        read,  // write output(), then wait for octets, at most timeout() until reply_count() moves
        start_tls,  // the handshake, at most timeout()
        content,    // content() with the next chunk, or content_end(); write output() as it fills
        idle,       // start() or quit()
        finished    // close the connection
    };

    /// `dialogue` may be null; it must outlive the machine.
    explicit ClientMachine(ClientSettings settings, Dialogue* dialogue = nullptr);
    ClientMachine(const ClientMachine&) = delete;
    ClientMachine& operator=(const ClientMachine&) = delete;

    Want want() const;
    /// Octets to be written, in order; the driver says output_written() when they are. The commands
    /// of one transaction at most (16 KiB for 100 usual recipients), plus what content() appends.
    std::string& output() { return output_.octets; }
    void output_written() { output_.written(); }
    /// For the present step.
    Timeouts::Duration timeout() const;
    /// Replies so far: a deadline counts from one to the next, not from octet to octet.
    std::uint64_t reply_count() const { return reply_count_; }
    /// For logs: "the reply to MAIL".
    std::string_view waiting_for() const;

    // Events.
    void received(std::string_view bytes);
    /// The connection is gone; `reason` such as "Connection reset by peer", or empty.
    void closed(std::string_view reason);
    /// Writing failed; `last_words` is what could still be read. Only a refusal counts: whatever
    /// sounds like "yes" was said before all was written.
    void write_failed(std::string_view reason, std::string_view last_words);
    void timed_out();
    /// `description` for the dialogue.
    void tls_established(std::string_view description);
    void tls_failed(std::string_view reason);

    /// Only when idle. Where nothing needs to be sent (all recipients refused here, message too
    /// big) the machine stays idle and the result is there at once.
    void start(Transaction transaction);
    /// Only when want() is `content`; appends to output(). False: the content was bad, and all is
    /// over.
    bool content(std::string_view chunk);
    bool content_end();
    /// The content can't be read (any more).
    void content_failed(std::string_view reason);
    /// Only when idle: QUIT.
    void quit();

    /// Idle, and another transaction is allowed (RFC 9422 MAILMAX).
    bool is_ready() const;
    /// Of the last transaction; complete when want() is `idle` or `finished` after start().
    TransactionResult result() const;
    /// Why the session is over, or never became ready: it holds for every recipient, unless
    /// another host does better. nullopt while all is well, and after quit().
    const std::optional<mail::RecipientOutcome>& trouble() const { return trouble_; }
    /// The trouble was the handshake, or a server that didn't keep to RFC 3207 around it.
    bool is_tls_failure() const { return is_tls_failure_; }
    /// The trouble is that the server took user and password for wrong.
    bool are_credentials_refused() const { return opening_.are_credentials_refused(); }
    const Capabilities& capabilities() const { return facts_.capabilities; }
    /// Recipients a transaction may have: RFC 9422, or 100 (RFC 5321 4.5.3.1.8), or what the server
    /// took before it said that there were too many.
    std::size_t max_recipients() const;

private:
    enum class State { opening, idle, exchange, quit, finished };

    void on_reply(const Reply& reply);
    void act_on(const Verdict& verdict);
    bool is_last_reply_due() const;
    void on_surplus(std::string_view bytes);
    bool is_refused_by(std::string_view last_words);
    bool accept_content(const Result<void>& framed);

    void lose(std::string_view how);
    void desynchronise(std::string_view what);
    void end_session(const mail::RecipientOutcome& outcome, bool may_be_taken);
    void refuse_session(const mail::RecipientOutcome& outcome);
    void finish();

    ClientSettings settings_;
    ClientOutput output_;
    SessionFacts facts_;
    State state_ = State::opening;
    Opening opening_;
    std::optional<Exchange> exchange_;  // the present one, or the last
    ReplyParser parser_;
    std::uint64_t reply_count_ = 0;
    std::optional<mail::RecipientOutcome> trouble_;
    bool is_tls_failure_ = false;
};

}  // namespace mxpost::protocol
