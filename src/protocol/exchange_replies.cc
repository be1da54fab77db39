#include <utility>

#include "protocol/exchange.h"

namespace mxpost::protocol {

namespace {

/// A server that lost a part of what came in one piece with the content before, or polices that,
/// answers a MAIL so. Should it mean the MAIL, it says it again when that comes alone.
bool is_out_of_step(const Reply& reply) {
    const mail::EnhancedStatus& status = reply.status;
    const bool is_protocol = status.klass == 0 || status.subject == 5;
    return is_protocol &&
           (reply.code == 500 || reply.code == 502 || reply.code == 503 || reply.code == 554);
}

}  // namespace

std::size_t Exchange::replies_due() const {
    switch (state_) {
        case State::commands:
            return sent_ - answered_;
        case State::final_reply:
            return settings_.dialect == Dialect::lmtp ? verdicts_due_.size() : 1;
        case State::empty_end:
            return 1;
        default:
            return 0;
    }
}

bool Exchange::is_final_reply_next() const {
    return state_ == State::final_reply || (state_ == State::commands && next_verb() == Verb::bdat);
}

bool Exchange::is_content_under_way() const {
    const bool is_awaited = !is_pending() || next_verb() == Verb::bdat;
    return (state_ == State::content && is_awaited) || is_final_reply_next();
}

bool Exchange::is_command_unknown(const Reply& reply) const {
    return next_verb() == Verb::bdat &&
           (reply.code == 500 || (reply.code >= 502 && reply.code <= 504));
}

Verdict Exchange::on_reply(const Reply& reply) {
    switch (state_) {
        case State::commands:
            return on_command_reply(reply);
        case State::final_reply:
            return on_final_reply(reply);
        case State::empty_end:
            // A reply to an empty message for nobody means nothing (RFC 2920 3.1).
            if (std::exchange(must_repeat_, false)) {
                begin_attempt();
                return Verdict::go_on();
            }
            return end();
        default:
            return Verdict::desynchronised("an unexpected reply");
    }
}

Verdict Exchange::on_command_reply(const Reply& reply) {
    const Command command = commands_[answered_];
    if ((reply.klass() == 3) != (command.verb == Verb::data && reply.klass() < 4)) {
        is_first_reply_due_ &= is_behind_;  // behind another: who knows what it answers
        return Verdict::desynchronised("an unexpected reply");
    }
    if (is_behind_ && is_first_reply_due_ && is_out_of_step(reply)) {
        return Verdict::desynchronised("what was sent behind the content was not understood");
    }
    ++answered_;
    is_first_reply_due_ = false;
    switch (command.verb) {
        case Verb::reset:
            if (reply.klass() != 2) {
                return Verdict::desynchronised("RSET was refused");
            }
            break;
        case Verb::mail:
            on_mail(reply);
            break;
        case Verb::recipient:
            on_recipient(command.recipient, reply);
            break;
        case Verb::data:
            if (auto verdict = on_data(reply); verdict.kind != Verdict::Kind::go_on) {
                return verdict;
            }
            break;
        case Verb::bdat:
            on_bdat(reply);
            break;
    }
    if (state_ != State::commands || is_pending()) {
        return Verdict::go_on();
    }
    if (is_planned()) {
        send_commands();
        return Verdict::go_on();
    }
    return after_commands();
}

/// It may have offered what it doesn't understand. Or it means this message's sender: only if MAIL
/// is accepted without the parameters, the session's other messages go without them, too, since
/// their senders lose what they have asked for (RFC 3461 4).
bool Exchange::has_refused_parameters(const Reply& reply) const {
    const auto parameters = mail_parameters();
    if (!parameters.has_size && !parameters.has_dsn) {
        return false;
    }
    const mail::EnhancedStatus& status = reply.status;
    const bool is_protocol = status.klass == 0 || status.subject == 0 || status.subject == 5;
    return reply.code == 555 || (reply.code == 501 && is_protocol);
}

void Exchange::on_mail(const Reply& reply) {
    if (reply.klass() == 2) {
        is_mail_accepted_ = true;
        facts_.is_plain |= is_plain_;
        return;
    }
    keep_rest_back();
    is_end_sent_ = false;  // content that went with it was for nobody
    if (has_refused_parameters(reply)) {
        // Without SIZE, RET and ENVID the message is the same.
        is_plain_ = true;
        must_repeat_ = true;
        return;
    }
    auto outcome = refusal_outcome(reply, mail::Step::mail);
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
    if (transaction_.is_probe) {
        ledger_.settle(index, refusal_outcome(reply, mail::Step::recipient));
        return;
    }
    if (reply.klass() == 2) {
        ledger_.accept(index);
    } else {
        auto outcome = refusal_outcome(reply, mail::Step::recipient);
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
    if (sent_ + 1 == commands_.size() && ledger_.accepted_count() == 0) {
        keep_rest_back();
    }
}

Verdict Exchange::on_data(const Reply& reply) {
    if (reply.klass() == 3 && is_for_nobody() && settings_.dialect == Dialect::lmtp) {
        // RFC 2033 4.2: it must say 503; and how many replies would follow the dot?
        return Verdict::desynchronised("354 without a recipient");
    }
    if (reply.klass() == 3 && is_for_nobody()) {
        state_ = State::empty_end;  // RFC 2920 3.1: it must get an end all the same
        say(".");
    } else if (reply.klass() == 3) {
        state_ = State::content;
    } else if (!is_for_nobody()) {
        ledger_.settle_open(refusal_outcome(reply, mail::Step::data));
    }
    return Verdict::go_on();
}

/// The reply to all of the content. Where that was sent for nobody it means nothing.
void Exchange::on_bdat(const Reply& reply) {
    is_end_sent_ = false;
    if (is_for_nobody()) {
        facts_.needs_reset = true;
        return;
    }
    if (reply.klass() == 2) {
        deliver_accepted(reply);
        return;
    }
    // RFC 3030 2 leaves open what state a refused chunk leaves behind.
    facts_.needs_reset = true;
    const bool is_unknown = reply.code == 500 || (reply.code >= 502 && reply.code <= 504);
    if (is_unknown) {
        // It offered what it doesn't know. If it took the content for commands, its replies to them
        // come where that to RSET is due.
        facts_.is_bdat_refused = true;
        is_reset_alone_ = true;
        must_repeat_ = true;
        return;
    }
    ledger_.settle_open(refusal_outcome(reply, mail::Step::content));
}

/// The commands are through: large content follows, or there is nothing to send to this server.
Verdict Exchange::after_commands() {
    const bool is_content_sent = !commands_.empty() && commands_.back().verb == Verb::bdat;
    if (is_bdat_ && !is_content_sent && !is_for_nobody()) {
        begin_bdat();
        return Verdict::go_on();
    }
    if (!is_content_sent) {
        facts_.needs_reset = is_mail_accepted_;
    }
    if (std::exchange(must_repeat_, false)) {
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
        const std::size_t index = verdicts_due_.back();
        verdicts_due_.pop_back();
        if (reply.klass() == 2) {
            ledger_.deliver(index, reply);
        } else {
            ledger_.settle(index, refusal_outcome(reply, mail::Step::content));
        }
    } else if (reply.klass() == 2) {
        deliver_accepted(reply);
    } else {
        ledger_.settle_open(refusal_outcome(reply, mail::Step::content));
    }
}

/// RFC 3461 5.2.1, 5.2.2: with the parameters goes the duty to report.
void Exchange::deliver_accepted(const Reply& reply) {
    const auto success = passes_dsn() ? mail::SuccessReport::passed_on : mail::SuccessReport::due;
    ledger_.deliver_accepted(reply, success);
}

// Endings

Verdict Exchange::end() {
    ++facts_.finished_count;
    is_end_sent_ = false;
    state_ = State::ended;
    return Verdict::done();
}

bool Exchange::is_untouched() const {
    return is_behind_ && state_ == State::commands && is_first_reply_due_;
}

void Exchange::cut_off(mail::RecipientOutcome outcome, bool may_be_taken) {
    const bool is_before_reply = state_ == State::commands && is_first_reply_due_;
    // With LMTP a refusal speaks for one recipient only.
    const bool is_unknown = may_be_taken || settings_.dialect == Dialect::lmtp;
    const bool is_ambiguous = is_unknown && is_end_sent_;
    outcome.step = step();
    result_.is_unattempted = is_untouched();
    if (result_.is_unattempted) {
        // Whatever it is that ended the session, a refusal even, says nothing of this message.
        ledger_.overrule(deferred(outcome));
    }
    const bool is_anybody_left = ledger_.settle_open(outcome) > 0 || result_.is_unattempted;
    result_.may_try_next_host = is_anybody_left && !is_ambiguous;
    result_.is_session_stale =
        is_anybody_left && !is_ambiguous && is_before_reply && facts_.finished_count > 0;
    keep_rest_back();
    answered_ = sent_;
    verdicts_due_.clear();
    state_ = State::ended;
}

void Exchange::note_bad_content(std::string_view reason) {
    result_.may_try_next_host = false;
    result_.is_content_bad = true;
    result_.content_problem = reason;
}

TransactionResult Exchange::result() const& {
    TransactionResult result = result_;
    result.outcomes = ledger_.outcomes();
    return result;
}

TransactionResult Exchange::result() && {
    TransactionResult result = std::move(result_);
    result.outcomes = std::move(ledger_).outcomes();
    return result;
}

}  // namespace mxpost::protocol
