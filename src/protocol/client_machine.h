// The client side of SMTP (RFC 5321) without I/O: events in, octets and wishes out. smtp::Session
// drives it over a socket; tests and the fuzzer drive it over nothing.
//
//     greeting → EHLO (HELO when refused) → STARTTLS → EHLO → idle
//     idle → [RSET] MAIL RCPT… DATA → content → "." → idle, with an outcome per recipient
//     idle → QUIT → finished;   any trouble → finished
//
// The driver loops: do what want() says (first writing output()), report what happened, until
// want() is `idle` or `finished`. Every reply belongs to a command that was sent: octets that no
// command asked for end the session (or, after STARTTLS, show an attack: RFC 3207 4.2).
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "mail/outcome.h"
#include "protocol/capabilities.h"
#include "protocol/commands.h"
#include "protocol/data_framer.h"
#include "protocol/dialogue.h"
#include "protocol/ledger.h"
#include "protocol/reply.h"
#include "protocol/timeouts.h"
#include "protocol/transaction.h"

namespace mxpost::protocol {

enum class StartTls {
    never,
    when_offered,  // a refusal of STARTTLS (not a failed handshake) goes on in clear
    required       // no message leaves in clear
};

struct ClientSettings {
    ClientSettings() = default;
    explicit ClientSettings(std::string helo_name_) : helo_name(std::move(helo_name_)) {}

    std::string helo_name;  // a domain name or an address literal
    StartTls start_tls = StartTls::when_offered;
    /// In clear only because the handshake failed: then "530 Must issue STARTTLS" defers.
    bool is_after_tls_failure = false;
    Timeouts timeouts;
};

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

    Want want() const;
    /// Octets to be written, in order; the driver clears what it has written. The commands
    /// of one transaction at most (16 KiB for 100 usual recipients), plus what content() appends.
    std::string& output() { return output_; }
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
    const Capabilities& capabilities() const { return capabilities_; }
    /// Recipients a transaction may have: RFC 9422, or 100 (RFC 5321 4.5.3.1.8), or what the server
    /// took before it said that there were too many.
    std::size_t max_recipients() const;

private:
    enum class State {
        greeting,
        ehlo,
        helo,
        start_tls,
        handshake,
        idle,
        commands,  // MAIL, RCPT, DATA and the like: see pending_
        content,
        final_reply,  // after the dot
        empty_end,    // after the lone dot of a transaction without recipients
        quit,
        finished
    };
    enum class Verb { reset, mail, recipient, data };
    struct Step {
        Verb verb;
        std::size_t recipient = 0;
    };

    bool awaits_reply() const;
    void on_reply(const Reply& reply);
    void on_greeting(const Reply& reply);
    void on_hello(const Reply& reply);
    void on_start_tls(const Reply& reply);
    void on_step(const Reply& reply);
    void on_mail(const Reply& reply);
    void on_recipient(std::size_t index, const Reply& reply);
    void on_data(const Reply& reply);
    void on_final_reply(const Reply& reply);
    void on_surplus(std::string_view bytes);
    bool is_refused_by(std::string_view last_words);
    void tell(const Reply& reply);

    void command(std::string_view line);
    void note(std::string_view line);
    void say_hello();
    void after_hello();
    bool refuse_locally();
    void begin_attempt();
    void send_steps();
    std::string step_line(const Step& step) const;
    MailParameters mail_parameters() const;
    void end_of_steps();
    void end_transaction();

    void lose(std::string_view how);
    void desynchronise(std::string_view what);
    void end_session(const mail::RecipientOutcome& outcome);
    void refuse_session(const mail::RecipientOutcome& outcome);

    ClientSettings settings_;
    Dialogue* dialogue_;
    State state_ = State::greeting;
    ReplyParser parser_;
    std::string output_;
    std::uint64_t reply_count_ = 0;
    Capabilities capabilities_;
    std::optional<mail::RecipientOutcome> trouble_;
    bool is_tls_ = false;
    bool is_tls_failure_ = false;
    std::size_t learned_max_recipients_ = 0;  // 0: nothing learned
    std::uint32_t mail_count_ = 0;            // MAIL commands, for MAILMAX
    std::uint32_t finished_count_ = 0;        // transactions that a reply ended
    bool needs_reset_ = false;                // the last transaction was left open
    bool is_plain_ = false;                   // MAIL without what the server offers but refuses

    // The present transaction.
    Transaction transaction_;
    Ledger ledger_;
    DataFramer framer_;
    std::deque<Step> plan_;     // not sent yet
    std::deque<Step> pending_;  // sent, without reply
    bool is_mail_accepted_ = false;
    bool is_first_reply_due_ = false;
    bool must_repeat_plain_ = false;
    TransactionResult result_;
};

}  // namespace mxpost::protocol
