#include "protocol/opening.h"

#include <utility>

#include "protocol/commands.h"
#include "protocol/ledger.h"

namespace mxpost::protocol {
namespace {

Verdict unexpected() {
    return Verdict::desynchronised("an unexpected reply");
}

}  // namespace

Timeouts::Duration Opening::timeout() const {
    switch (state_) {
        case State::greeting:
            return settings_.timeouts.greeting;
        case State::ehlo:
        case State::helo:
        case State::auth:
            return settings_.timeouts.hello;
        default:
            return settings_.timeouts.start_tls;
    }
}

std::string_view Opening::waiting_for() const {
    switch (state_) {
        case State::greeting:
            return "the greeting";
        case State::ehlo:
            return settings_.dialect == Dialect::lmtp ? "the reply to LHLO" : "the reply to EHLO";
        case State::helo:
            return "the reply to HELO";
        case State::start_tls:
            return "the reply to STARTTLS";
        case State::auth:
            return "the reply to AUTH";
        default:
            return "the TLS handshake";
    }
}

mail::Step Opening::step() const {
    switch (state_) {
        case State::greeting:
            return mail::Step::greeting;
        case State::ehlo:
        case State::helo:
            return mail::Step::hello;
        case State::auth:
            return mail::Step::auth;
        default:
            return mail::Step::start_tls;
    }
}

Verdict Opening::on_reply(const Reply& reply) {
    switch (state_) {
        case State::greeting:
            return on_greeting(reply);
        case State::ehlo:
        case State::helo:
            return on_hello(reply);
        case State::start_tls:
            return on_start_tls(reply);
        case State::auth:
            return auth_->on_reply(reply);
        default:
            return unexpected();
    }
}

Verdict Opening::on_greeting(const Reply& reply) {
    if (reply.klass() == 3) {
        return unexpected();
    }
    if (reply.klass() != 2) {
        return refused(reply);
    }
    if (!is_safe_helo_name(settings_.helo_name)) {
        return Verdict::refused(deferral(3, 5, "this host's HELO name is not valid"));
    }
    say_hello();
    return Verdict::go_on();
}

void Opening::say_hello() {
    state_ = State::ehlo;
    const bool is_lmtp = settings_.dialect == Dialect::lmtp;
    output_.command((is_lmtp ? "LHLO " : "EHLO ") + settings_.helo_name);
}

Verdict Opening::on_hello(const Reply& reply) {
    // A second greeting is the answer to nothing: all later replies would be one late.
    if (reply.klass() == 3 || reply.code == 220) {
        return unexpected();
    }
    if (reply.klass() == 2) {
        capabilities_ = state_ == State::ehlo ? parse_capabilities(reply) : Capabilities();
        return after_hello();
    }
    if (state_ == State::ehlo && reply.klass() == 5 && settings_.dialect == Dialect::smtp) {
        state_ = State::helo;  // RFC 5321 3.2
        output_.command("HELO " + settings_.helo_name);
        return Verdict::go_on();
    }
    return refused(reply);
}

Verdict Opening::refused(const Reply& reply) const {
    auto outcome = refusal_outcome(reply);
    return Verdict::refused(settings_.is_appointed ? deferred(std::move(outcome)) : outcome);
}

Verdict Opening::after_hello() {
    if (!is_tls_ && settings_.start_tls != StartTls::never && capabilities_.has_start_tls) {
        state_ = State::start_tls;
        output_.command("STARTTLS");
        return Verdict::go_on();
    }
    if (!is_tls_ && settings_.start_tls == StartTls::required) {
        state_ = State::start_tls;  // that is the step at which it fails, for TLS reports
        const std::string& whose = settings_.tls_required_for;
        return Verdict::refused(deferral(
            7,
            4,
            "TLS is required" + (whose.empty() ? "" : " for " + whose) +
                ", but the server does not offer it"
        ));
    }
    return log_in();
}

Verdict Opening::log_in() {
    if (!settings_.auth.credentials) {
        return Verdict::done();
    }
    state_ = State::auth;
    auth_.emplace(settings_.auth, capabilities_.auth, is_tls_, output_);
    return auth_->begin();
}

Verdict Opening::on_start_tls(const Reply& reply) {
    if (reply.klass() == 2) {
        state_ = State::handshake;
        return Verdict::go_on();
    }
    if (reply.klass() == 3) {
        return unexpected();
    }
    if (settings_.start_tls == StartTls::required) {
        return Verdict::refused(deferred(refusal_outcome(reply)));  // the message is all right
    }
    output_.note("STARTTLS refused: going on in clear");
    return log_in();
}

void Opening::tls_established() {
    is_tls_ = true;
    // RFC 3207 4.2: nothing that was said in clear counts any more.
    capabilities_ = {};
    if (settings_.is_tls_from_start) {
        state_ = State::greeting;
    } else {
        say_hello();
    }
}

}  // namespace mxpost::protocol
