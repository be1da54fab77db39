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

// For the driver

ClientMachine::Want ClientMachine::want() const {
    switch (state_) {
        case State::opening:
            return opening_.is_in_handshake() ? Want::start_tls : Want::read;
        case State::exchange:
            return exchange_->state() == Exchange::State::content ? Want::content : Want::read;
        case State::idle:
            return Want::idle;
        case State::finished:
            return Want::finished;
        default:
            return Want::read;
    }
}

Timeouts::Duration ClientMachine::timeout() const {
    switch (state_) {
        case State::opening:
            return opening_.timeout();
        case State::exchange:
            return exchange_->timeout();
        default:
            return settings_.timeouts.quit;
    }
}

std::string_view ClientMachine::waiting_for() const {
    switch (state_) {
        case State::opening:
            return opening_.waiting_for();
        case State::exchange:
            return exchange_->waiting_for();
        case State::quit:
            return "the reply to QUIT";
        default:
            return "nothing";
    }
}

std::size_t ClientMachine::max_recipients() const {
    std::size_t limit = kDefaultMaxRecipients;
    if (facts_.capabilities.recipients_max) {
        limit = std::min<std::size_t>(*facts_.capabilities.recipients_max, kMaxRecipients);
    }
    return facts_.max_recipients == 0 ? limit : std::min(limit, facts_.max_recipients);
}

bool ClientMachine::is_ready() const {
    const auto& limit = facts_.capabilities.mails_max;
    return state_ == State::idle && (!limit || facts_.mail_count < *limit);
}

TransactionResult ClientMachine::result() const {
    TransactionResult result = exchange_ ? exchange_->result() : TransactionResult();
    result.is_session_usable = is_ready();
    return result;
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
        const bool is_last = is_last_reply_due();
        on_reply(reply);
        if (is_last && !bytes.empty()) {
            on_surplus(bytes);
            return;
        }
    }
}

/// Whatever follows the reply to the last command that was sent, nobody asked for.
bool ClientMachine::is_last_reply_due() const {
    return state_ != State::exchange || exchange_->is_last_reply_due();
}

void ClientMachine::on_reply(const Reply& reply) {
    ++reply_count_;
    output_.heard(reply);
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
            act_on(exchange_->on_reply(reply));
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
            state_ = State::idle;
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
    output_.heard(reply);
    const bool is_content =
        state_ == State::exchange && (exchange_->state() == Exchange::State::content ||
                                      exchange_->state() == Exchange::State::final_reply);
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
        finish();
    } else if (state_ != State::finished) {
        lose("timed out");
    }
}

void ClientMachine::tls_established(std::string_view description) {
    output_.note(description);
    parser_ = {};
    opening_.tls_established();
}

void ClientMachine::tls_failed(std::string_view reason) {
    is_tls_failure_ = true;
    end_session(deferral(7, 5, "TLS failed: " + std::string(reason)), false);
}

// Orders

void ClientMachine::start(Transaction transaction) {
    if (state_ != State::idle) {
        throw std::logic_error("ClientMachine::start: not idle");
    }
    exchange_.emplace(std::move(transaction), settings_, facts_, output_);
    exchange_->begin();
    state_ = exchange_->state() == Exchange::State::ended ? State::idle : State::exchange;
}

bool ClientMachine::content(std::string_view chunk) {
    return want() == Want::content && accept_content(exchange_->content(chunk));
}

bool ClientMachine::content_end() {
    return want() == Want::content && accept_content(exchange_->content_end());
}

bool ClientMachine::accept_content(const Result<void>& framed) {
    if (!framed) {
        content_failed(framed.error().message());
    }
    return framed.has_value();
}

void ClientMachine::content_failed(std::string_view reason) {
    end_session(deferral(3, 0, "the content can't be sent: " + std::string(reason)), false);
    if (exchange_) {
        exchange_->note_bad_content(reason);
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
    end_session(deferral(5, 0, "the server broke the protocol: " + std::string(what)), true);
}

void ClientMachine::end_session(const mail::RecipientOutcome& outcome, bool may_be_taken) {
    trouble_ = outcome;
    output_.note(outcome.text);
    if (exchange_) {
        exchange_->cut_off(outcome, may_be_taken);
    }
    finish();
}

void ClientMachine::refuse_session(const mail::RecipientOutcome& outcome) {
    trouble_ = outcome;
    state_ = State::quit;
    output_.command("QUIT");  // RFC 5321 3.1: also after a 554 greeting
}

void ClientMachine::finish() {
    output_.written();
    state_ = State::finished;
}

}  // namespace mxpost::protocol
