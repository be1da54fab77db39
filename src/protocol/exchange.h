// Exchange: one message over a client session that is ready for mail.
//
//     [RSET] MAIL RCPT… DATA → content → "." → ended, with an outcome per recipient
//     [RSET] MAIL RCPT… BDAT LAST content → ended                 (small content, RFC 3030)
//     [RSET] MAIL RCPT… → BDAT LAST content → ended               (large content)
//
// Its commands go out in one write where the server takes that (RFC 2920). Each Exchange knows
// which replies are still due to it, so that a session can have two under way: the commands of one
// behind the content of the other.
//
// exchange.cc: what is sent; exchange_replies.cc: what replies and endings mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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
    bool is_plain = false;             // it took MAIL only without what it offers
    bool is_bdat_refused = false;      // it offers CHUNKING, but doesn't know BDAT

    /// NOTIFY, ORCPT, RET and ENVID go to this server.
    bool passes_dsn() const { return capabilities.has_dsn && !is_plain; }
};

class Exchange {
public:
    enum class State {
        commands,     // MAIL, RCPT, DATA, BDAT and the like are without reply
        content,      // content() and content_end() are awaited
        final_reply,  // after the dot; LMTP: one for each accepted recipient
        empty_end,    // after the lone dot of a transaction without recipients
        ended
    };

    /// Content up to this size goes in one write with the commands, where BDAT is used.
    static constexpr std::uint64_t kMaxContentWithCommands = 65536;

    /// The references must outlive it; `dialogue` (may be null) too, until it has ended.
    Exchange(
        Transaction transaction,
        const ClientSettings& settings,
        SessionFacts& facts,
        ClientOutput& output,
        Dialogue* dialogue
    );

    /// Content for such a server goes by BDAT.
    static bool uses_bdat(const ClientSettings& settings, const SessionFacts& facts);

    /// Sends the commands; where nothing needs to be sent it has ended. `is_behind`: another
    /// exchange is still under way.
    void begin(bool is_behind);
    State state() const { return state_; }
    bool has_ended() const { return state_ == State::ended; }
    /// Only in the states that wait for one.
    Verdict on_reply(const Reply& reply);
    /// Replies that are due to what has been sent.
    std::size_t replies_due() const;
    /// The next reply is to the content: it decides what became of the message.
    bool is_final_reply_next() const;
    /// The server may refuse the content now, even though it doesn't have all of it.
    bool is_content_under_way() const;
    /// It says that it doesn't know BDAT, rather than what it thinks of the content.
    bool is_command_unknown(const Reply& reply) const;
    /// The content goes in one write with what went before it.
    bool must_hold_output() const { return state_ == State::content && goes_with_commands(); }

    /// Only in State::content. The error says what is wrong with the content: it must not be ended.
    Result<void> content(std::string_view chunk);
    Result<void> content_end();
    /// Writing failed before the last octet of what content_end() appended was on its way.
    void content_end_unsent() { is_end_sent_ = false; }

    /// The session is over, because of `outcome`. `may_be_taken`: where the message's end was sent,
    /// nobody knows whether the server has taken it.
    void cut_off(mail::RecipientOutcome outcome, bool may_be_taken);
    /// After cut_off().
    void note_bad_content(std::string_view reason);

    /// It began behind another, and no reply has said anything about it.
    bool is_untouched() const;
    /// It began behind another, and its own content has not ended.
    bool is_behind() const {
        return is_behind_ && (state_ == State::commands || state_ == State::content);
    }

    /// All but is_session_usable.
    TransactionResult result() const&;
    TransactionResult result() &&;
    const Transaction& transaction() const { return transaction_; }
    Transaction take_transaction() { return std::move(transaction_); }
    Dialogue* dialogue() const { return dialogue_; }
    Timeouts::Duration timeout() const;
    /// "the reply to MAIL".
    std::string_view waiting_for() const;
    mail::Step step() const;

private:
    enum class Verb : std::uint8_t { reset, mail, recipient, data, bdat };
    struct Command {
        Verb verb;
        std::size_t recipient = 0;
    };

    bool refuse_locally();
    void begin_attempt();
    void plan_commands();
    void send_commands();
    void send_command(const Command& command);
    void say(std::string_view line) { output_.command(line, dialogue_); }
    MailParameters mail_parameters() const;
    bool passes_dsn() const { return facts_.passes_dsn() && !is_plain_; }
    bool has_refused_parameters(const Reply& reply) const;
    bool goes_with_commands() const;
    void begin_bdat();

    bool is_planned() const { return sent_ < commands_.size(); }
    bool is_pending() const { return answered_ < sent_; }
    /// What the next reply answers.
    Verb next_verb() const { return is_pending() ? commands_[answered_].verb : Verb::mail; }
    void keep_rest_back() { commands_.resize(sent_); }

    Verdict on_command_reply(const Reply& reply);
    void on_mail(const Reply& reply);
    void on_recipient(std::size_t index, const Reply& reply);
    Verdict on_data(const Reply& reply);
    void on_bdat(const Reply& reply);
    bool is_for_nobody() const { return !is_mail_accepted_ || ledger_.accepted_count() == 0; }
    void deliver_accepted(const Reply& reply);
    Verdict on_final_reply(const Reply& reply);
    void settle_final(const Reply& reply);
    Verdict after_commands();
    Verdict end();

    const ClientSettings& settings_;
    SessionFacts& facts_;
    ClientOutput& output_;
    Dialogue* dialogue_;
    State state_ = State::commands;
    Transaction transaction_;
    Ledger ledger_;
    DataFramer framer_;
    // Of this attempt: answered, then sent without reply, then not sent yet.
    std::vector<Command> commands_;
    std::size_t answered_ = 0;
    std::size_t sent_ = 0;
    std::vector<std::size_t> verdicts_due_;  // LMTP: who has no final reply yet, the next one last
    bool is_behind_ = false;
    bool is_bdat_ = false;         // this attempt sends its content by BDAT
    bool is_reset_alone_ = false;  // nothing follows RSET before its reply
    bool is_end_sent_ = false;     // the end of the content; the reply to it is due
    bool is_mail_accepted_ = false;
    bool is_first_reply_due_ = true;
    bool must_repeat_ = false;  // with what the replies taught
    bool is_plain_ = false;     // to find out if MAIL's parameters were what was refused
    TransactionResult result_;
};

}  // namespace mxpost::protocol
