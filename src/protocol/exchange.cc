#include "protocol/exchange.h"

#include <utility>

namespace mxpost::protocol {

Exchange::Exchange(
    Transaction transaction,
    const ClientSettings& settings,
    SessionFacts& facts,
    ClientOutput& output
)
    : settings_(settings),
      facts_(facts),
      output_(output),
      transaction_(std::move(transaction)),
      ledger_(transaction_.recipients.size()) {}

// Sending

void Exchange::begin() {
    if (refuse_locally()) {
        state_ = State::ended;
    } else {
        begin_attempt();
    }
}

/// What must not, or need not, be sent. True when nobody is left.
bool Exchange::refuse_locally() {
    if (transaction_.sender && !is_safe_address(*transaction_.sender)) {
        ledger_.settle_open(failure(1, 7, "the sender's address can't be sent in SMTP"));
    }
    const bool is_utf8_refused = !facts_.capabilities.has_smtp_utf8;
    const auto no_utf8 =
        failure(6, 7, "the message needs SMTPUTF8, which the server does not offer");
    if (is_utf8_refused && (transaction_.is_smtp_utf8 ||
                            (transaction_.sender && needs_smtp_utf8(*transaction_.sender)))) {
        ledger_.settle_open(no_utf8);
    }
    for (std::size_t i = 0; i < transaction_.recipients.size(); ++i) {
        const auto& address = transaction_.recipients[i].address;
        if (!is_safe_address(address)) {
            ledger_.settle(i, failure(1, 3, "the recipient's address can't be sent in SMTP"));
        } else if (is_utf8_refused && needs_smtp_utf8(address)) {
            ledger_.settle(i, no_utf8);
        }
    }
    const auto limit = facts_.capabilities.size_limit;
    if (limit != 0 && transaction_.content_size > limit) {  // RFC 1870 6.1
        ledger_.settle_open(failure(
            3,
            4,
            "the message has " + std::to_string(transaction_.content_size) +
                " octets, the server takes " + std::to_string(limit)
        ));
    }
    return ledger_.open_count() == 0;
}

/// RSET only here, when a transaction was left open and another follows: a QUIT needs none.
void Exchange::begin_attempt() {
    if (must_repeat_plain_) {
        facts_.is_plain = true;
        must_repeat_plain_ = false;
    }
    state_ = State::commands;
    is_mail_accepted_ = false;
    framer_ = DataFramer();
    plan_.clear();
    if (std::exchange(facts_.needs_reset, false)) {
        plan_.push_back(Step{Verb::reset});
    }
    plan_.push_back(Step{Verb::mail});
    for (std::size_t i = 0; i < ledger_.size(); ++i) {
        if (ledger_.is_open(i)) {
            plan_.push_back(Step{Verb::recipient, i});
        }
    }
    plan_.push_back(Step{Verb::data});
    ++facts_.mail_count;
    send_steps();
}

/// All in one write, DATA last (RFC 2920 3.1), or one step where the server doesn't take more.
void Exchange::send_steps() {
    const std::size_t count = facts_.capabilities.has_pipelining ? plan_.size() : 1;
    for (std::size_t i = 0; i < count; ++i) {
        output_.command(step_line(plan_.front()));
        pending_.push_back(plan_.front());
        plan_.pop_front();
    }
}

std::string Exchange::step_line(const Step& step) const {
    switch (step.verb) {
        case Verb::reset:
            return "RSET";
        case Verb::mail:
            return mail_command(transaction_, mail_parameters());
        case Verb::recipient:
            return rcpt_command(transaction_.recipients[step.recipient], facts_.passes_dsn());
        default:
            return "DATA";
    }
}

MailParameters Exchange::mail_parameters() const {
    const Capabilities& capabilities = facts_.capabilities;
    MailParameters parameters;
    parameters.has_size = capabilities.has_size && !facts_.is_plain;
    parameters.has_dsn = facts_.passes_dsn();
    // To a server without 8BITMIME 8-bit content goes as it is: nearly all of them pass it on.
    // (RFC 6152 3 wants it converted before it comes here.)
    parameters.has_body = transaction_.is_eight_bit && capabilities.has_eight_bit_mime;
    parameters.has_smtp_utf8 =
        transaction_.is_smtp_utf8 || (transaction_.sender && needs_smtp_utf8(*transaction_.sender));
    for (std::size_t i = 0; i < transaction_.recipients.size(); ++i) {
        parameters.has_smtp_utf8 |=
            ledger_.is_open(i) && needs_smtp_utf8(transaction_.recipients[i].address);
    }
    return parameters;
}

// Replies

bool Exchange::is_last_reply_due() const {
    switch (state_) {
        case State::commands:
            return pending_.size() == 1;
        case State::final_reply:
            return verdicts_due_.size() <= 1;
        default:
            return true;
    }
}

Verdict Exchange::on_reply(const Reply& reply) {
    switch (state_) {
        case State::commands:
            return on_step(reply);
        case State::final_reply:
            return on_final_reply(reply);
        case State::empty_end:
            // A reply to an empty message for nobody means nothing (RFC 2920 3.1).
            if (must_repeat_plain_) {
                begin_attempt();
                return Verdict::go_on();
            }
            return end();
        default:
            return Verdict::desynchronised("an unexpected reply");
    }
}

Verdict Exchange::on_step(const Reply& reply) {
    const Step step = pending_.front();
    pending_.pop_front();
    is_first_reply_due_ = false;
    if ((reply.klass() == 3) != (step.verb == Verb::data && reply.klass() < 4)) {
        return Verdict::desynchronised("an unexpected reply");
    }
    switch (step.verb) {
        case Verb::reset:
            if (reply.klass() != 2) {
                return Verdict::desynchronised("RSET was refused");
            }
            break;
        case Verb::mail:
            on_mail(reply);
            break;
        case Verb::recipient:
            on_recipient(step.recipient, reply);
            break;
        case Verb::data:
            if (auto verdict = on_data(reply); verdict.kind != Verdict::Kind::go_on) {
                return verdict;
            }
            break;
    }
    if (state_ == State::commands && pending_.empty()) {
        if (plan_.empty()) {
            return end_of_steps();
        }
        send_steps();
    }
    return Verdict::go_on();
}

void Exchange::on_mail(const Reply& reply) {
    if (reply.klass() == 2) {
        is_mail_accepted_ = true;
        return;
    }
    plan_.clear();
    const auto parameters = mail_parameters();
    if ((reply.code == 555 || reply.code == 501) && (parameters.has_size || parameters.has_dsn)) {
        // It offered what it doesn't understand. Without SIZE, RET and ENVID the message is the
        // same.
        must_repeat_plain_ = true;
        return;
    }
    auto outcome = refusal_outcome(reply);
    if (reply.code == 530 && (settings_.is_after_tls_failure || settings_.is_appointed)) {
        // "Must issue STARTTLS first" (RFC 3207 4): we tried; its TLS may work again tomorrow.
        // "Authentication required" (RFC 4954 6): the relay's settings lack the credentials.
        outcome = deferred(std::move(outcome));
    }
    ledger_.settle_open(outcome);
}

void Exchange::on_recipient(std::size_t index, const Reply& reply) {
    if (!is_mail_accepted_) {
        return;  // was pipelined behind a MAIL that failed: its reply says nothing of its own
    }
    if (reply.klass() == 2) {
        ledger_.accept(index);
    } else {
        auto outcome = refusal_outcome(reply);
        const bool is_too_many = reply.code == 452 || reply.code == 552;
        if (reply.code == 552) {  // RFC 5321 4.5.3.1.10: an old way to say 452
            outcome = deferred(std::move(outcome));
        }
        const auto& status = reply.status;
        if (is_too_many && ledger_.accepted_count() > 0 && facts_.max_recipients == 0 &&
            (status.klass == 0 || (status.subject == 5 && status.detail == 3))) {
            facts_.max_recipients = ledger_.accepted_count();
        }
        ledger_.settle(index, outcome);
    }
    // Without PIPELINING there is still time to keep DATA back.
    if (plan_.size() == 1 && ledger_.accepted_count() == 0) {
        plan_.clear();
    }
}

Verdict Exchange::on_data(const Reply& reply) {
    const bool is_for_nobody = !is_mail_accepted_ || ledger_.accepted_count() == 0;
    if (reply.klass() == 3 && is_for_nobody && settings_.dialect == Dialect::lmtp) {
        // RFC 2033 4.2: it must say 503; and how many replies would follow the dot?
        return Verdict::desynchronised("354 without a recipient");
    }
    if (reply.klass() == 3 && is_for_nobody) {
        state_ = State::empty_end;  // RFC 2920 3.1: it must get an end all the same
        output_.command(".");
    } else if (reply.klass() == 3) {
        state_ = State::content;
    } else if (!is_for_nobody) {
        ledger_.settle_open(refusal_outcome(reply));
    }
    return Verdict::go_on();
}

/// The commands are through, and there is nothing to send to this server.
Verdict Exchange::end_of_steps() {
    facts_.needs_reset = is_mail_accepted_;
    if (must_repeat_plain_) {
        begin_attempt();
        return Verdict::go_on();
    }
    return end();
}

Verdict Exchange::on_final_reply(const Reply& reply) {
    if (reply.klass() == 3) {
        return Verdict::desynchronised("an unexpected reply");
    }
    settle_final(reply);
    return verdicts_due_.empty() ? end() : Verdict::go_on();
}

void Exchange::settle_final(const Reply& reply) {
    if (settings_.dialect == Dialect::lmtp) {
        const std::size_t index = verdicts_due_.front();
        verdicts_due_.pop_front();
        if (reply.klass() == 2) {
            ledger_.deliver(index, reply);
        } else {
            ledger_.settle(index, refusal_outcome(reply));
        }
    } else if (reply.klass() == 2) {
        // RFC 3461 5.2.1, 5.2.2: with the parameters goes the duty to report.
        const auto success =
            facts_.passes_dsn() ? mail::SuccessReport::passed_on : mail::SuccessReport::due;
        ledger_.deliver_accepted(reply, success);
    } else {
        ledger_.settle_open(refusal_outcome(reply));
    }
}

Verdict Exchange::end() {
    ++facts_.finished_count;
    state_ = State::ended;
    return Verdict::done();
}

// Content

Result<void> Exchange::content(std::string_view chunk) {
    if (framer_.octets() + chunk.size() > transaction_.content_size) {
        return Error::invalid("it is longer than it was");
    }
    return framer_.append(chunk, output_.octets);
}

Result<void> Exchange::content_end() {
    if (framer_.octets() != transaction_.content_size) {
        return Error::invalid("it is shorter than it was");
    }
    auto framed = framer_.finish(output_.octets);
    if (framed) {
        output_.content_sent(framer_.octets());
        state_ = State::final_reply;
        expect_final_replies();
    }
    return framed;
}

/// RFC 2033 4.2: one for each accepted recipient, in the order of the RCPTs.
void Exchange::expect_final_replies() {
    if (settings_.dialect == Dialect::lmtp) {
        for (std::size_t i = 0; i < ledger_.size(); ++i) {
            if (ledger_.is_accepted(i)) {
                verdicts_due_.push_back(i);
            }
        }
    }
}

// Endings

void Exchange::cut_off(const mail::RecipientOutcome& outcome, bool may_be_taken) {
    const bool is_before_reply = state_ == State::commands && is_first_reply_due_;
    // With LMTP a refusal speaks for one recipient only.
    const bool is_unknown = may_be_taken || settings_.dialect == Dialect::lmtp;
    const bool is_ambiguous = is_unknown && state_ == State::final_reply;
    const bool is_anybody_left = ledger_.settle_open(outcome) > 0;
    result_.may_try_next_host = is_anybody_left && !is_ambiguous;
    result_.is_session_stale = is_anybody_left && is_before_reply && facts_.finished_count > 0;
    plan_.clear();
    pending_.clear();
    verdicts_due_.clear();
    state_ = State::ended;
}

void Exchange::note_bad_content(std::string_view reason) {
    result_.may_try_next_host = false;
    result_.is_content_bad = true;
    result_.content_problem = reason;
}

TransactionResult Exchange::result() const {
    TransactionResult result = result_;
    result.outcomes = ledger_.outcomes();
    return result;
}

// For the driver

Timeouts::Duration Exchange::timeout() const {
    const Timeouts& timeouts = settings_.timeouts;
    switch (state_) {
        case State::content:
            return timeouts.data_block;
        case State::final_reply:
        case State::empty_end:
            return timeouts.data_end;
        default:
            break;
    }
    switch (pending_.empty() ? Verb::mail : pending_.front().verb) {
        case Verb::recipient:
            return timeouts.recipient;
        case Verb::data:
            return timeouts.data;
        default:
            return timeouts.mail;
    }
}

std::string_view Exchange::waiting_for() const {
    switch (state_) {
        case State::content:
            return "the content to be taken";
        case State::final_reply:
        case State::empty_end:
            return "the reply to the message";
        default:
            break;
    }
    switch (pending_.empty() ? Verb::mail : pending_.front().verb) {
        case Verb::reset:
            return "the reply to RSET";
        case Verb::recipient:
            return "the reply to RCPT";
        case Verb::data:
            return "the reply to DATA";
        default:
            return "the reply to MAIL";
    }
}

}  // namespace mxpost::protocol
