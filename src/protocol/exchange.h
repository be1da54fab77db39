// Exchange: one message over a client session that is ready for mail.
//
//     [RSET] MAIL RCPT… DATA → content → "." → ended, with an outcome per recipient
//
// Its commands go out in one write where the server takes that (RFC 2920). Each Exchange knows
// which replies are still due to it, so that a session can have more than one under way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "mail/outcome.h"
#include "protocol/capabilities.h"
#include "protocol/client_output.h"
#include "protocol/client_settings.h"
#include "protocol/commands.h"
#include "protocol/data_framer.h"
#include "protocol/ledger.h"
#include "protocol/reply.h"
#include "protocol/transaction.h"
#include "protocol/verdict.h"

namespace mxpost::protocol {

/// What a session has learned of its server, from one message to the next.
struct SessionFacts {
    Capabilities capabilities;
    std::size_t max_recipients = 0;    // that it took before it said "too many"; 0: nothing learned
    std::uint32_t mail_count = 0;      // MAIL commands, for MAILMAX (RFC 9422)
    std::uint32_t finished_count = 0;  // exchanges that a reply ended
    bool needs_reset = false;          // the last transaction was left open
    bool is_plain = false;             // MAIL without what the server offers but refuses

    /// NOTIFY, ORCPT, RET and ENVID go to this server.
    bool passes_dsn() const { return capabilities.has_dsn && !is_plain; }
};

class Exchange {
public:
    enum class State {
        commands,     // MAIL, RCPT, DATA and the like are without reply
        content,      // content() and content_end() are awaited
        final_reply,  // after the dot; LMTP: one for each accepted recipient
        empty_end,    // after the lone dot of a transaction without recipients
        ended
    };

    /// The references must outlive it.
    Exchange(
        Transaction transaction,
        const ClientSettings& settings,
        SessionFacts& facts,
        ClientOutput& output
    );

    /// Sends the commands; where nothing needs to be sent it has ended.
    void begin();
    State state() const { return state_; }
    /// Only in the states that wait for one.
    Verdict on_reply(const Reply& reply);
    /// The next reply is the last that is due to what has been sent.
    bool is_last_reply_due() const;

    /// Only in State::content. The error says what is wrong with the content: it must not be ended.
    Result<void> content(std::string_view chunk);
    Result<void> content_end();

    /// The session is over, because of `outcome`. `may_be_taken`: where the message's end was sent,
    /// nobody knows whether the server has taken it.
    void cut_off(const mail::RecipientOutcome& outcome, bool may_be_taken);
    /// After cut_off().
    void note_bad_content(std::string_view reason);

    /// All but is_session_usable.
    TransactionResult result() const;
    Timeouts::Duration timeout() const;
    /// "the reply to MAIL".
    std::string_view waiting_for() const;

private:
    enum class Verb { reset, mail, recipient, data };
    struct Step {
        Verb verb;
        std::size_t recipient = 0;
    };

    bool refuse_locally();
    void begin_attempt();
    void send_steps();
    std::string step_line(const Step& step) const;
    MailParameters mail_parameters() const;

    Verdict on_step(const Reply& reply);
    void on_mail(const Reply& reply);
    void on_recipient(std::size_t index, const Reply& reply);
    Verdict on_data(const Reply& reply);
    Verdict on_final_reply(const Reply& reply);
    void settle_final(const Reply& reply);
    void expect_final_replies();
    Verdict end_of_steps();
    Verdict end();

    const ClientSettings& settings_;
    SessionFacts& facts_;
    ClientOutput& output_;
    State state_ = State::commands;
    Transaction transaction_;
    Ledger ledger_;
    DataFramer framer_;
    std::deque<Step> plan_;                 // not sent yet
    std::deque<Step> pending_;              // sent, without reply
    std::deque<std::size_t> verdicts_due_;  // LMTP: recipients whose final reply is due, in order
    bool is_mail_accepted_ = false;
    bool is_first_reply_due_ = true;
    bool must_repeat_plain_ = false;
    TransactionResult result_;
};

}  // namespace mxpost::protocol
