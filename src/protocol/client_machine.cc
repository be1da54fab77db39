#include "protocol/client_machine.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "protocol/ledger.h"

namespace mxpost::protocol {
namespace {

constexpr std::size_t kDefaultMaxRecipients = 100;  // RFC 5321 4.5.3.1.8: any server takes 100
constexpr std::size_t kMaxRecipients = 1000;        // whatever RCPTMAX says: bounds a write

}  // namespace

ClientMachine::ClientMachine(ClientSettings settings, Dialogue* dialogue)
    : settings_(std::move(settings)),
      output_(dialogue),
      opening_(settings_, facts_.capabilities, output_) {}

// The places

Exchange* ClientMachine::active() {
    for (std::size_t age = 0; age < exchanges_.size(); ++age) {
        if (place(age) && !place(age)->has_ended()) {
            return &*place(age);
        }
    }
    return nullptr;
}

std::size_t ClientMachine::live_count() const {
    return static_cast<std::size_t>(std::count_if(
        exchanges_.begin(),
        exchanges_.end(),
        [](const auto& exchange) { return exchange && !exchange->has_ended(); }
    ));
}

std::optional<ClientMachine::Finished> ClientMachine::take_finished() {
    if (!place(0) || !place(0)->has_ended()) {
        return std::nullopt;
    }
    Exchange& exchange = *place(0);
    auto transaction = exchange.take_transaction();
    Finished finished(std::move(transaction), std::move(exchange).result());
    finished.result.is_session_usable =
        (state_ == State::idle || state_ == State::exchange) && may_mail();
    place(0).reset();
    first_ = 1 - first_;
    return finished;
}

TransactionResult ClientMachine::result() const {
    const auto& last = place(1) ? place(1) : place(0);
    TransactionResult result = last ? last->result() : TransactionResult();
    result.is_session_usable = is_ready();
    return result;
}

// For the driver

ClientMachine::Want ClientMachine::want() const {
    switch (state_) {
        case State::opening:
            return opening_.is_in_handshake() ? Want::start_tls : Want::read;
        case State::exchange:
            return active()->state() == Exchange::State::content ? Want::content : Want::read;
        case State::idle:
            return Want::idle;
        case State::finished:
            return Want::finished;
        default:
            return Want::read;
    }
}

void ClientMachine::output_written() {
    content_end_ = 0;
    output_.written(want() == Want::content);
}

bool ClientMachine::must_hold_output() const {
    return state_ == State::exchange && active()->must_hold_output();
}

Timeouts::Duration ClientMachine::timeout() const {
    switch (state_) {
        case State::opening:
            return opening_.timeout();
        case State::exchange:
            return active()->timeout();
        default:
            return settings_.timeouts.quit;
    }
}

std::string_view ClientMachine::waiting_for() const {
    switch (state_) {
        case State::opening:
            return opening_.waiting_for();
        case State::exchange:
            return active()->waiting_for();
        case State::quit:
            return "the reply to QUIT";
        default:
            return "nothing";
    }
}

mail::Step ClientMachine::step() const {
    switch (state_) {
        case State::opening:
            return opening_.step();
        case State::exchange:
            return active()->step();
        default:
            return mail::Step::none;
    }
}

std::size_t ClientMachine::max_recipients() const {
    std::size_t limit = kDefaultMaxRecipients;
    if (facts_.capabilities.recipients_max) {
        limit = std::min<std::size_t>(*facts_.capabilities.recipients_max, kMaxRecipients);
    }
    return facts_.max_recipients == 0 ? limit : std::min(limit, facts_.max_recipients);
}

bool ClientMachine::may_mail() const {
    const auto& limit = facts_.capabilities.mails_max;
    return !limit || facts_.mail_count < *limit;
}

bool ClientMachine::is_ready() const {
    return state_ == State::idle && may_mail();
}

// Replies

void ClientMachine::received(std::string_view bytes) {
    while (!bytes.empty() && state_ != State::finished) {
        if (want() != Want::read) {
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
        const bool is_last = replies_due() <= 1;
        on_reply(reply);
        // Whatever follows the reply to the last command that was sent, nobody asked for.
        if (is_last && !bytes.empty()) {
            on_surplus(bytes);
            return;
        }
    }
}

std::size_t ClientMachine::replies_due() const {
    std::size_t count = state_ == State::exchange ? 0 : 1;
    for (const auto& exchange : exchanges_) {
        count += exchange ? exchange->replies_due() : 0;
    }
    return count;
}

Dialogue* ClientMachine::listener() {
    const Exchange* exchange = active();
    return exchange != nullptr ? exchange->dialogue() : output_.dialogue();
}

void ClientMachine::on_reply(const Reply& reply) {
    ++reply_count_;
    tell_reply(listener(), reply);
    // RFC 5321 3.8: the server closes, whatever it was asked.
    if (reply.code == 421 && state_ != State::quit) {
        end_session(refusal_outcome(reply), false);
        return;
    }
    switch (state_) {
        case State::opening:
            act_on(opening_.on_reply(reply));
            return;
        case State::exchange:
            act_on(active()->on_reply(reply));
            return;
        default:
            state_ = State::finished;
    }
}

void ClientMachine::act_on(const Verdict& verdict) {
    switch (verdict.kind) {
        case Verdict::Kind::go_on:
            return;
        case Verdict::Kind::done:
            state_ = active() == nullptr ? State::idle : State::exchange;
            return;
        case Verdict::Kind::refused:
            refuse_session(verdict.outcome);
            return;
        case Verdict::Kind::desynchronised:
            desynchronise(verdict.what);
            return;
    }
}

/// Octets that no command asked for. By now the reply before them has moved the state on, and what
/// it made us say hasn't been written.
void ClientMachine::on_surplus(std::string_view bytes) {
    if (state_ == State::finished || state_ == State::quit) {
        return;
    }
    if (want() == Want::start_tls) {
        // RFC 3207 4.2, CVE-2021-38371: they would be read as if they had come through TLS.
        end_session(
            deferral(7, 0, "octets in clear behind the reply to STARTTLS: an attack?"), false
        );
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
    tell_reply(listener(), reply);
    const Exchange* exchange = active();
    const bool is_content = exchange != nullptr && exchange->is_content_under_way() &&
                            !exchange->is_command_unknown(reply);
    if (reply.code != 421 && !(is_content && reply.klass() >= 4)) {
        return false;
    }
    end_session(refusal_outcome(reply), false);
    return true;
}

// Other events

void ClientMachine::closed(std::string_view reason) {
    if (state_ == State::quit) {
        finish();
    } else if (state_ != State::finished) {
        was_desynchronised_ = live_count() == 2;
        lose(reason.empty() ? "connection lost" : "connection lost (" + std::string(reason) + ")");
    }
}

void ClientMachine::write_failed(
    std::string_view reason, std::size_t written, std::string_view last_words
) {
    if (state_ != State::quit && state_ != State::finished) {
        const bool is_end_unsent = written < content_end_;
        if (content_end_ == 0 || written == 0) {
            is_refused_by(last_words);
        } else {
            hear_last_words(last_words, is_end_unsent);
        }
        if (Exchange* exchange = active(); exchange != nullptr && is_end_unsent) {
            exchange->content_end_unsent();
        }
    }
    closed(reason);
}

/// Replies to what came before the content, or (behind it, another message's commands were to
/// follow) to the content itself, that came while the rest couldn't be written.
void ClientMachine::hear_last_words(std::string_view bytes, bool is_end_unsent) {
    while (state_ == State::exchange && active()->replies_due() > 0) {
        if (is_end_unsent && active()->is_final_reply_next()) {
            is_refused_by(bytes);
            return;
        }
        if (parser_.parse(bytes) != ReplyParser::State::complete) {
            return;
        }
        on_reply(parser_.take());
    }
}

void ClientMachine::timed_out() {
    if (state_ == State::quit) {
        finish();
    } else if (state_ != State::finished) {
        was_desynchronised_ =
            std::any_of(exchanges_.begin(), exchanges_.end(), [](const auto& exchange) {
                return exchange && exchange->is_untouched();
            });
        lose("timed out");
    }
}

void ClientMachine::tls_established(std::string_view description) {
    note(description);
    parser_ = {};
    opening_.tls_established();
}

void ClientMachine::tls_failed(std::string_view reason) {
    is_tls_failure_ = true;
    end_session(deferral(7, 5, "TLS failed: " + std::string(reason)), false);
}

// Orders

bool ClientMachine::may_follow() const {
    return state_ == State::exchange && content_end_ != 0 &&
           content_end_ == output_.octets.size() && !place(1) &&
           place(0)->state() == Exchange::State::final_reply &&
           settings_.dialect == Dialect::smtp && facts_.capabilities.has_pipelining &&
           !Exchange::uses_bdat(settings_, facts_) && may_mail();
}

void ClientMachine::start(Transaction transaction, Dialogue* dialogue) {
    const bool is_behind = may_follow();
    if (state_ != State::idle && !is_behind) {
        throw std::logic_error("ClientMachine::start: not idle");
    }
    if (!is_behind) {
        place(0).reset();
        place(1).reset();
    }
    auto& exchange = place(is_behind ? 1 : 0);
    exchange =
        std::make_unique<Exchange>(std::move(transaction), settings_, facts_, output_, dialogue);
    exchange->begin(is_behind);
    state_ = active() == nullptr ? State::idle : State::exchange;
}

bool ClientMachine::content(std::string_view chunk) {
    return want() == Want::content && accept_content(active()->content(chunk));
}

bool ClientMachine::content_end() {
    if (want() != Want::content || !accept_content(active()->content_end())) {
        return false;
    }
    content_end_ = output_.octets.size();
    return true;
}

bool ClientMachine::accept_content(const Result<void>& framed) {
    if (!framed) {
        content_failed(framed.error().message());
    }
    return framed.has_value();
}

void ClientMachine::content_failed(std::string_view reason) {
    Exchange* exchange = active();
    end_session(deferral(3, 0, "the content can't be sent: " + std::string(reason)), false);
    if (exchange != nullptr) {
        exchange->note_bad_content(reason);
    }
}

void ClientMachine::quit() {
    if (state_ != State::idle) {
        throw std::logic_error("ClientMachine::quit: not idle");
    }
    state_ = State::quit;
    output_.command("QUIT");
}

// Endings

void ClientMachine::lose(std::string_view how) {
    std::string text(how);
    text += state_ == State::idle ? "" : " while waiting for " + std::string(waiting_for());
    is_tls_failure_ = want() == Want::start_tls;
    end_session(deferral(4, 2, std::move(text)), true);
}

void ClientMachine::desynchronise(std::string_view what) {
    was_desynchronised_ =
        std::any_of(exchanges_.begin(), exchanges_.end(), [](const auto& exchange) {
            return exchange && !exchange->has_ended() && exchange->is_behind();
        });
    end_session(deferral(5, 0, "the server broke the protocol: " + std::string(what)), true);
}

void ClientMachine::end_session(const mail::RecipientOutcome& outcome, bool may_be_taken) {
    trouble_ = outcome;
    trouble_->step = step();
    note(outcome.text);
    for (std::size_t age = 0; age < exchanges_.size(); ++age) {
        if (place(age) && !place(age)->has_ended()) {
            place(age)->cut_off(outcome, may_be_taken);
        }
    }
    finish();
}

void ClientMachine::refuse_session(const mail::RecipientOutcome& outcome) {
    trouble_ = outcome;
    trouble_->step = step();
    state_ = State::quit;
    output_.command("QUIT");  // RFC 5321 3.1: also after a 554 greeting
}

/// What isn't a line: to each message under way, or to the session's own listener.
void ClientMachine::note(std::string_view line) {
    const bool is_alone = active() == nullptr;
    Dialogue* told = is_alone ? output_.dialogue() : nullptr;
    if (told != nullptr) {
        told->note(line);
    }
    for (const auto& exchange : exchanges_) {
        if (exchange && !exchange->has_ended() && exchange->dialogue() != nullptr &&
            exchange->dialogue() != told) {
            told = exchange->dialogue();
            told->note(line);
        }
    }
}

void ClientMachine::finish() {
    content_end_ = 0;
    output_.written(false);
    state_ = State::finished;
}

}  // namespace mxpost::protocol
