#include "protocol/client_machine.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace mxpost::protocol {
namespace {

constexpr std::size_t kDefaultMaxRecipients = 100;  // RFC 5321 4.5.3.1.8: any server takes 100
constexpr std::size_t kMaxRecipients = 1000;        // whatever RCPTMAX says: bounds a write

}  // namespace

ClientMachine::ClientMachine(ClientSettings settings, Dialogue* dialogue)
    : settings_(std::move(settings)), dialogue_(dialogue) {}

ClientMachine::Want ClientMachine::want() const {
    switch (state_) {
        case State::handshake:
            return Want::start_tls;
        case State::content:
            return Want::content;
        case State::idle:
            return Want::idle;
        case State::finished:
            return Want::finished;
        default:
            return Want::read;
    }
}

Timeouts::Duration ClientMachine::timeout() const {
    const Timeouts& timeouts = settings_.timeouts;
    switch (state_) {
        case State::greeting:
            return timeouts.greeting;
        case State::ehlo:
        case State::helo:
            return timeouts.hello;
        case State::start_tls:
        case State::handshake:
            return timeouts.start_tls;
        case State::content:
            return timeouts.data_block;
        case State::final_reply:
        case State::empty_end:
            return timeouts.data_end;
        case State::commands:
            if (!pending_.empty() && pending_.front().verb == Verb::recipient) {
                return timeouts.recipient;
            }
            return !pending_.empty() && pending_.front().verb == Verb::data ? timeouts.data
                                                                            : timeouts.mail;
        default:
            return timeouts.quit;
    }
}

std::string_view ClientMachine::waiting_for() const {
    switch (state_) {
        case State::greeting:
            return "the greeting";
        case State::ehlo:
            return "the reply to EHLO";
        case State::helo:
            return "the reply to HELO";
        case State::start_tls:
            return "the reply to STARTTLS";
        case State::handshake:
            return "the TLS handshake";
        case State::content:
            return "the content to be taken";
        case State::final_reply:
        case State::empty_end:
            return "the reply to the message";
        case State::quit:
            return "the reply to QUIT";
        case State::idle:
        case State::finished:
            return "nothing";
        case State::commands:
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

std::size_t ClientMachine::max_recipients() const {
    std::size_t limit = kDefaultMaxRecipients;
    if (capabilities_.recipients_max) {
        limit = std::min<std::size_t>(*capabilities_.recipients_max, kMaxRecipients);
    }
    return learned_max_recipients_ == 0 ? limit : std::min(limit, learned_max_recipients_);
}

bool ClientMachine::is_ready() const {
    return state_ == State::idle &&
           (!capabilities_.mails_max || mail_count_ < *capabilities_.mails_max);
}

TransactionResult ClientMachine::result() const {
    TransactionResult result = result_;
    result.outcomes = ledger_.outcomes();
    result.is_session_usable = is_ready();
    return result;
}

// Events

bool ClientMachine::awaits_reply() const {
    return want() == Want::read;
}

void ClientMachine::received(std::string_view bytes) {
    while (!bytes.empty() && state_ != State::finished) {
        if (!awaits_reply()) {
            on_surplus(bytes);
            return;
        }
        switch (parser_.parse(bytes)) {
            case ReplyParser::State::needs_more:
                return;
            case ReplyParser::State::broken:
                if (state_ == State::quit) {
                    closed("");  // what it answers to QUIT changes nothing
                    return;
                }
                desynchronise("its reply is not SMTP: " + parser_.problem());
                return;
            case ReplyParser::State::complete:
                break;
        }
        const Reply reply = parser_.take();
        // Whatever follows the reply to the last command that was sent, nobody asked for.
        const bool is_last = state_ != State::commands || pending_.size() == 1;
        on_reply(reply);
        if (is_last && !bytes.empty()) {
            on_surplus(bytes);
            return;
        }
    }
}

void ClientMachine::closed(std::string_view reason) {
    if (state_ == State::quit) {
        state_ = State::finished;
        output_.clear();
    } else if (state_ != State::finished) {
        lose(reason.empty() ? "connection lost" : "connection lost (" + std::string(reason) + ")");
    }
}

void ClientMachine::write_failed(std::string_view reason, std::string_view last_words) {
    if (state_ == State::quit || state_ == State::finished || !is_refused_by(last_words)) {
        closed(reason);
    }
}

void ClientMachine::timed_out() {
    if (state_ == State::quit) {
        state_ = State::finished;
        output_.clear();
    } else if (state_ != State::finished) {
        lose("timed out");
    }
}

void ClientMachine::tls_established(std::string_view description) {
    note(description);
    is_tls_ = true;
    // RFC 3207 4.2: nothing that was said in clear counts any more.
    capabilities_ = {};
    parser_ = {};
    say_hello();
}

void ClientMachine::tls_failed(std::string_view reason) {
    is_tls_failure_ = true;
    end_session(deferral(7, 5, "TLS failed: " + std::string(reason)));
}

void ClientMachine::on_reply(const Reply& reply) {
    ++reply_count_;
    tell(reply);
    // RFC 5321 3.8: the server closes, whatever it was asked.
    if (reply.code == 421 && state_ != State::quit) {
        end_session(refusal_outcome(reply));
        return;
    }
    switch (state_) {
        case State::greeting:
            return on_greeting(reply);
        case State::ehlo:
        case State::helo:
            return on_hello(reply);
        case State::start_tls:
            return on_start_tls(reply);
        case State::commands:
            return on_step(reply);
        case State::final_reply:
            return on_final_reply(reply);
        case State::empty_end:
            // A reply to an empty message for nobody means nothing (RFC 2920 3.1).
            return must_repeat_plain_ ? begin_attempt() : end_transaction();
        default:
            state_ = State::finished;
    }
}

/// Octets that no command asked for. By now the reply before them has moved the state on, and what
/// it made us say hasn't been written.
void ClientMachine::on_surplus(std::string_view bytes) {
    if (state_ == State::finished || state_ == State::quit) {
        return;
    }
    if (state_ == State::handshake) {
        // RFC 3207 4.2, CVE-2021-38371: they would be read as if they had come through TLS.
        end_session(deferral(7, 0, "octets in clear behind the reply to STARTTLS: an attack?"));
        return;
    }
    if (!is_refused_by(bytes)) {
        desynchronise("an unexpected reply");
    }
}

/// A server that gives up in the middle says why: 421, or a refusal of the content before its end.
/// Any other reply at that point answers something that we didn't ask.
bool ClientMachine::is_refused_by(std::string_view last_words) {
    ReplyParser parser;
    if (parser.parse(last_words) != ReplyParser::State::complete) {
        return false;
    }
    const Reply reply = parser.take();
    tell(reply);
    const bool is_content = state_ == State::content || state_ == State::final_reply;
    if (reply.code != 421 && !(is_content && reply.klass() >= 4)) {
        return false;
    }
    end_session(refusal_outcome(reply));
    return true;
}

void ClientMachine::tell(const Reply& reply) {
    if (dialogue_ != nullptr) {
        for (const auto& line : reply.lines) {
            dialogue_->server(line);
        }
    }
}

// Session

void ClientMachine::on_greeting(const Reply& reply) {
    if (reply.klass() == 3) {
        desynchronise("an unexpected reply");
    } else if (reply.klass() != 2) {
        refuse_session(refusal_outcome(reply));
    } else if (!is_safe_helo_name(settings_.helo_name)) {
        refuse_session(deferral(3, 5, "this host's HELO name is not valid"));
    } else {
        say_hello();
    }
}

void ClientMachine::say_hello() {
    state_ = State::ehlo;
    command("EHLO " + settings_.helo_name);
}

void ClientMachine::on_hello(const Reply& reply) {
    // A second greeting is the answer to nothing: all later replies would be one late.
    if (reply.klass() == 3 || reply.code == 220) {
        desynchronise("an unexpected reply");
        return;
    }
    if (reply.klass() == 2) {
        capabilities_ = state_ == State::ehlo ? parse_capabilities(reply) : Capabilities();
        after_hello();
    } else if (state_ == State::ehlo && reply.klass() == 5) {
        state_ = State::helo;  // RFC 5321 3.2
        command("HELO " + settings_.helo_name);
    } else {
        refuse_session(refusal_outcome(reply));
    }
}

void ClientMachine::after_hello() {
    if (!is_tls_ && settings_.start_tls != StartTls::never && capabilities_.has_start_tls) {
        state_ = State::start_tls;
        command("STARTTLS");
    } else if (!is_tls_ && settings_.start_tls == StartTls::required) {
        refuse_session(deferral(7, 4, "TLS is required, but the server does not offer it"));
    } else {
        state_ = State::idle;
    }
}

void ClientMachine::on_start_tls(const Reply& reply) {
    if (reply.klass() == 2) {
        state_ = State::handshake;
    } else if (reply.klass() == 3) {
        desynchronise("an unexpected reply");
    } else if (settings_.start_tls == StartTls::required) {
        auto outcome = refusal_outcome(reply);
        outcome.kind = mail::OutcomeKind::deferred;  // the message is all right
        outcome.status.klass = 4;
        refuse_session(outcome);
    } else {
        note("STARTTLS refused: going on in clear");
        state_ = State::idle;
    }
}

void ClientMachine::quit() {
    if (state_ != State::idle) {
        throw std::logic_error("ClientMachine::quit: not idle");
    }
    state_ = State::quit;
    command("QUIT");
}

// Transaction

void ClientMachine::start(Transaction transaction) {
    if (state_ != State::idle) {
        throw std::logic_error("ClientMachine::start: not idle");
    }
    transaction_ = std::move(transaction);
    ledger_ = Ledger(transaction_.recipients.size());
    result_ = {};
    must_repeat_plain_ = false;
    is_first_reply_due_ = true;
    if (!refuse_locally()) {
        begin_attempt();
    }
}

/// What must not, or need not, be sent. True when nobody is left.
bool ClientMachine::refuse_locally() {
    if (transaction_.sender && !is_safe_address(*transaction_.sender)) {
        ledger_.settle_open(failure(1, 7, "the sender's address can't be sent in SMTP"));
    }
    const bool is_utf8_refused = !capabilities_.has_smtp_utf8;
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
    const auto limit = capabilities_.size_limit;
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
void ClientMachine::begin_attempt() {
    if (must_repeat_plain_) {
        is_plain_ = true;
        must_repeat_plain_ = false;
    }
    state_ = State::commands;
    is_mail_accepted_ = false;
    framer_ = DataFramer();
    plan_.clear();
    if (std::exchange(needs_reset_, false)) {
        plan_.push_back(Step{Verb::reset});
    }
    plan_.push_back(Step{Verb::mail});
    for (std::size_t i = 0; i < ledger_.size(); ++i) {
        if (ledger_.is_open(i)) {
            plan_.push_back(Step{Verb::recipient, i});
        }
    }
    plan_.push_back(Step{Verb::data});
    ++mail_count_;
    send_steps();
}

/// All in one write, DATA last (RFC 2920 3.1), or one step where the server doesn't take more.
void ClientMachine::send_steps() {
    const std::size_t count = capabilities_.has_pipelining ? plan_.size() : 1;
    for (std::size_t i = 0; i < count; ++i) {
        command(step_line(plan_.front()));
        pending_.push_back(plan_.front());
        plan_.pop_front();
    }
}

std::string ClientMachine::step_line(const Step& step) const {
    switch (step.verb) {
        case Verb::reset:
            return "RSET";
        case Verb::mail:
            return mail_command(transaction_, mail_parameters());
        case Verb::recipient:
            return rcpt_command(transaction_.recipients[step.recipient], capabilities_.has_dsn);
        default:
            return "DATA";
    }
}

MailParameters ClientMachine::mail_parameters() const {
    MailParameters parameters;
    parameters.has_size = capabilities_.has_size && !is_plain_;
    parameters.has_dsn = capabilities_.has_dsn && !is_plain_;
    // To a server without 8BITMIME 8-bit content goes as it is: nearly all of them pass it on.
    // (RFC 6152 3 wants it converted before it comes here.)
    parameters.has_body = transaction_.is_eight_bit && capabilities_.has_eight_bit_mime;
    parameters.has_smtp_utf8 =
        transaction_.is_smtp_utf8 || (transaction_.sender && needs_smtp_utf8(*transaction_.sender));
    for (std::size_t i = 0; i < transaction_.recipients.size(); ++i) {
        parameters.has_smtp_utf8 |=
            ledger_.is_open(i) && needs_smtp_utf8(transaction_.recipients[i].address);
    }
    return parameters;
}

void ClientMachine::on_step(const Reply& reply) {
    const Step step = pending_.front();
    pending_.pop_front();
    is_first_reply_due_ = false;
    if ((reply.klass() == 3) != (step.verb == Verb::data && reply.klass() < 4)) {
        desynchronise("an unexpected reply");
        return;
    }
    switch (step.verb) {
        case Verb::reset:
            if (reply.klass() != 2) {
                desynchronise("RSET was refused");
                return;
            }
            break;
        case Verb::mail:
            on_mail(reply);
            break;
        case Verb::recipient:
            on_recipient(step.recipient, reply);
            break;
        case Verb::data:
            on_data(reply);
            break;
    }
    if (state_ == State::commands && pending_.empty()) {
        plan_.empty() ? end_of_steps() : send_steps();
    }
}

void ClientMachine::on_mail(const Reply& reply) {
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
    if (reply.code == 530 && settings_.is_after_tls_failure) {
        // "Must issue STARTTLS first" (RFC 3207 4): we tried; its TLS may work again tomorrow.
        outcome.kind = mail::OutcomeKind::deferred;
        outcome.status.klass = 4;
    }
    ledger_.settle_open(outcome);
}

void ClientMachine::on_recipient(std::size_t index, const Reply& reply) {
    if (!is_mail_accepted_) {
        return;  // was pipelined behind a MAIL that failed: its reply says nothing of its own
    }
    if (reply.klass() == 2) {
        ledger_.accept(index);
    } else {
        auto outcome = refusal_outcome(reply);
        const bool is_too_many = reply.code == 452 || reply.code == 552;
        if (reply.code == 552) {  // RFC 5321 4.5.3.1.10: an old way to say 452
            outcome.kind = mail::OutcomeKind::deferred;
            outcome.status.klass = 4;
        }
        const auto& status = reply.status;
        if (is_too_many && ledger_.accepted_count() > 0 && learned_max_recipients_ == 0 &&
            (status.klass == 0 || (status.subject == 5 && status.detail == 3))) {
            learned_max_recipients_ = ledger_.accepted_count();
        }
        ledger_.settle(index, outcome);
    }
    // Without PIPELINING there is still time to keep DATA back.
    if (plan_.size() == 1 && ledger_.accepted_count() == 0) {
        plan_.clear();
    }
}

void ClientMachine::on_data(const Reply& reply) {
    const bool is_for_nobody = !is_mail_accepted_ || ledger_.accepted_count() == 0;
    if (reply.klass() == 3 && is_for_nobody) {
        state_ = State::empty_end;  // RFC 2920 3.1: it must get an end all the same
        command(".");
    } else if (reply.klass() == 3) {
        state_ = State::content;
    } else if (!is_for_nobody) {
        ledger_.settle_open(refusal_outcome(reply));
    }
}

/// The commands are through, and there is nothing to send to this server.
void ClientMachine::end_of_steps() {
    needs_reset_ = is_mail_accepted_;
    must_repeat_plain_ ? begin_attempt() : end_transaction();
}

bool ClientMachine::content(std::string_view chunk) {
    if (state_ != State::content) {
        return false;
    }
    if (framer_.octets() + chunk.size() > transaction_.content_size) {
        content_failed("it is longer than it was");
        return false;
    }
    const auto framed = framer_.append(chunk, output_);
    if (!framed) {
        content_failed(framed.error().message());
    }
    return framed.has_value();
}

bool ClientMachine::content_end() {
    if (state_ != State::content) {
        return false;
    }
    if (framer_.octets() != transaction_.content_size) {
        content_failed("it is shorter than it was");
        return false;
    }
    const auto framed = framer_.finish(output_);
    if (!framed) {
        content_failed(framed.error().message());
        return false;
    }
    if (dialogue_ != nullptr) {
        dialogue_->client("(" + std::to_string(framer_.octets()) + " octets of content)");
        dialogue_->client(".");
    }
    state_ = State::final_reply;
    return true;
}

void ClientMachine::content_failed(std::string_view reason) {
    end_session(deferral(3, 0, "the content can't be sent: " + std::string(reason)));
    result_.may_try_next_host = false;
    result_.is_content_bad = true;
    result_.content_problem = reason;
}

void ClientMachine::on_final_reply(const Reply& reply) {
    if (reply.klass() == 3) {
        desynchronise("an unexpected reply");
        return;
    }
    if (reply.klass() == 2) {
        ledger_.deliver_accepted(reply);
    } else {
        ledger_.settle_open(refusal_outcome(reply));
    }
    end_transaction();
}

void ClientMachine::end_transaction() {
    ++finished_count_;
    state_ = State::idle;
}

// Endings

void ClientMachine::lose(std::string_view how) {
    std::string text(how);
    text += state_ == State::idle ? "" : " while waiting for " + std::string(waiting_for());
    const bool is_ambiguous = state_ == State::final_reply;
    is_tls_failure_ = state_ == State::handshake;
    end_session(deferral(4, 2, std::move(text)));
    result_.may_try_next_host &= !is_ambiguous;
}

void ClientMachine::desynchronise(std::string_view what) {
    const bool is_ambiguous = state_ == State::final_reply;
    end_session(deferral(5, 0, "the server broke the protocol: " + std::string(what)));
    result_.may_try_next_host &= !is_ambiguous;
}

void ClientMachine::end_session(const mail::RecipientOutcome& outcome) {
    const bool is_before_reply = state_ == State::commands && is_first_reply_due_;
    trouble_ = outcome;
    note(outcome.text);
    result_.may_try_next_host = ledger_.settle_open(outcome) > 0;
    result_.is_session_stale = result_.may_try_next_host && is_before_reply && finished_count_ > 0;
    output_.clear();
    plan_.clear();
    pending_.clear();
    state_ = State::finished;
}

void ClientMachine::refuse_session(const mail::RecipientOutcome& outcome) {
    trouble_ = outcome;
    state_ = State::quit;
    command("QUIT");  // RFC 5321 3.1: also after a 554 greeting
}

void ClientMachine::command(std::string_view line) {
    output_ += line;
    output_ += "\r\n";
    if (dialogue_ != nullptr) {
        dialogue_->client(line);
    }
}

void ClientMachine::note(std::string_view line) {
    if (dialogue_ != nullptr) {
        dialogue_->note(line);
    }
}

}  // namespace mxpost::protocol
