#include "protocol/opening.h"

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
        default:
            return "the TLS handshake";
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
        default:
            return unexpected();
    }
}

Verdict Opening::on_greeting(const Reply& reply) {
    if (reply.klass() == 3) {
        return unexpected();
    }
    if (reply.klass() != 2) {
        return Verdict::refused(refusal_outcome(reply));
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
    if (settings_.dialect == Dialect::lmtp && reply.klass() == 5) {
        // Not the mail's fault: no LMTP is spoken there, or this server's set-up is wrong.
        return Verdict::refused(deferred(refusal_outcome(reply)));
    }
    if (state_ == State::ehlo && reply.klass() == 5) {
        state_ = State::helo;  // RFC 5321 3.2
        output_.command("HELO " + settings_.helo_name);
        return Verdict::go_on();
    }
    return Verdict::refused(refusal_outcome(reply));
}

Verdict Opening::after_hello() {
    if (!is_tls_ && settings_.start_tls != StartTls::never && capabilities_.has_start_tls) {
        state_ = State::start_tls;
        output_.command("STARTTLS");
        return Verdict::go_on();
    }
    if (!is_tls_ && settings_.start_tls == StartTls::required) {
        return Verdict::refused(deferral(7, 4, "TLS is required, but the server does not offer it")
        );
    }
    return Verdict::done();
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
    return Verdict::done();
}

void Opening::tls_established() {
    is_tls_ = true;
    // RFC 3207 4.2: nothing that was said in clear counts any more.
    capabilities_ = {};
    say_hello();
}

}  // namespace mxpost::protocol
