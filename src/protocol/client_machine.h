// The client side of SMTP (RFC 5321) without I/O: events in, octets and wishes out. smtp::Session
// drives it over a socket; tests and the fuzzer drive it over nothing.
//
//     Opening (greeting, EHLO, STARTTLS, EHLO) → idle
//     idle → Exchange (MAIL, RCPT…, DATA, content) → idle, with an outcome per recipient
//     idle → QUIT → finished;   any trouble → finished
//
// Up to two exchanges are under way: behind the end of one message's content the next one's
// commands may follow (RFC 2920 3.1). Replies come in the order of what they answer, so each
// belongs to the oldest exchange that has not ended.
//
// This class holds what is the session's: octets in and out, which part they belong to, endings.
//
// The driver loops: do what want() says (first writing output()), report what happened, take the
// results, until want() is `idle` or `finished`. Every reply belongs to a command that was sent:
// octets that no command asked for end the session (or, after STARTTLS, show an attack: RFC 3207
// 4.2).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

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
        content,    // content() with the next chunk, or content_end(); write output() as it fills,
                    // but not while must_hold_output(). Anew from the first octet whenever this
                    // wish comes up again after another.
        idle,       // start() or quit()
        finished    // close the connection
    };

    /// A message that has come to its end.
    struct Finished {
        Finished(Transaction transaction_, TransactionResult result_)
            : transaction(std::move(transaction_)), result(std::move(result_)) {}

        Transaction transaction;
        TransactionResult result;
    };

    /// `dialogue` may be null; it must outlive the machine.
    explicit ClientMachine(ClientSettings settings, Dialogue* dialogue = nullptr);
    ClientMachine(const ClientMachine&) = delete;
    ClientMachine& operator=(const ClientMachine&) = delete;

    Want want() const;
    /// Octets to be written, in order; the driver says output_written() when they are. The commands
    /// of one transaction at most (16 KiB for 100 usual recipients), plus what content() appends.
    std::string& output() { return output_.octets; }
    void output_written();
    /// The end of a message is in output().
    bool has_content_end() const { return content_end_ != 0; }
    /// What is in output() goes out with the rest of the content, at most 64 KiB of it.
    bool must_hold_output() const;
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
    /// Only the first `written` octets of output() were (perhaps) on their way; `last_words` is
    /// what could still be read. A reply to content whose end isn't among those octets counts only
    /// as a refusal: whatever sounds like "yes" was said before all was written.
    void write_failed(std::string_view reason, std::size_t written, std::string_view last_words);
    void timed_out();
    /// `description` for the dialogue.
    void tls_established(std::string_view description);
    void tls_failed(std::string_view reason);

    /// Only when idle, or when may_follow(). Where nothing needs to be sent (all recipients refused
    /// here, message too big) the result is there at once. `dialogue` gets the message's lines; it
    /// may be null, and must stay until the result was taken. Without it: the session's.
    void start(Transaction transaction, Dialogue* dialogue);
    void start(Transaction transaction) { start(std::move(transaction), output_.dialogue()); }
    /// Another message's commands can go out with the content that has just ended: nothing else is
    /// under way, and the content's last octet is in output() still (RFC 2920 3.1).
    bool may_follow() const;
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
    /// The oldest message that has ended, in the order of start(); each comes once. When want() is
    /// `idle` or `finished` all have ended; what isn't taken before the next start() is forgotten.
    std::optional<Finished> take_finished();
    /// Of the last message that was started and not taken; complete when want() is `idle` or
    /// `finished`.
    TransactionResult result() const;
    /// Why the session is over, or never became ready: it holds for every recipient, unless
    /// another host does better. nullopt while all is well, and after quit().
    const std::optional<mail::RecipientOutcome>& trouble() const { return trouble_; }
    /// The trouble was the handshake, or a server that didn't keep to RFC 3207 around it.
    bool is_tls_failure() const { return is_tls_failure_; }
    /// The trouble is that the server took user and password for wrong.
    bool are_credentials_refused() const { return opening_.are_credentials_refused(); }
    /// The trouble came with two messages under way, and looks as if the server couldn't bear that:
    /// an unexpected reply, silence, or a lost connection instead of the reply to a message.
    bool was_desynchronised() const { return was_desynchronised_; }
    /// The server offers CHUNKING, but refused BDAT as unknown.
    bool is_bdat_refused() const { return facts_.is_bdat_refused; }
    const Capabilities& capabilities() const { return facts_.capabilities; }
    /// Recipients a transaction may have: RFC 9422, or 100 (RFC 5321 4.5.3.1.8), or what the server
    /// took before it said that there were too many.
    std::size_t max_recipients() const;

private:
    enum class State { opening, idle, exchange, quit, finished };

    /// The two places, oldest first; empty ones after those in use.
    std::unique_ptr<Exchange>& place(std::size_t age) { return exchanges_[(first_ + age) % 2]; }
    const std::unique_ptr<Exchange>& place(std::size_t age) const {
        return exchanges_[(first_ + age) % 2];
    }
    /// The oldest exchange that has not ended; null: none.
    Exchange* active();
    const Exchange* active() const { return const_cast<ClientMachine*>(this)->active(); }
    std::size_t live_count() const;
    bool may_mail() const;

    void on_reply(const Reply& reply);
    void act_on(const Verdict& verdict);
    std::size_t replies_due() const;
    void on_surplus(std::string_view bytes);
    bool is_refused_by(std::string_view last_words);
    void hear_last_words(std::string_view bytes, bool is_end_unsent);
    bool accept_content(const Result<void>& framed);
    Dialogue* listener();

    void lose(std::string_view how);
    void desynchronise(std::string_view what);
    void end_session(const mail::RecipientOutcome& outcome, bool may_be_taken);
    void refuse_session(const mail::RecipientOutcome& outcome);
    void note(std::string_view line);
    mail::Step step() const;
    void finish();

    ClientSettings settings_;
    ClientOutput output_;
    SessionFacts facts_;
    State state_ = State::opening;
    Opening opening_;
    std::array<std::unique_ptr<Exchange>, 2> exchanges_;  // the second is rarely in use
    std::size_t first_ = 0;                               // the oldest one's place
    std::size_t content_end_ = 0;  // in output: where content ends that isn't written; 0: none
    ReplyParser parser_;
    std::uint64_t reply_count_ = 0;
    std::optional<mail::RecipientOutcome> trouble_;
    bool is_tls_failure_ = false;
    bool was_desynchronised_ = false;
};

}  // namespace mxpost::protocol
