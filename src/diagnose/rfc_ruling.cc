#include "diagnose/rfc_ruling.h"

namespace mxpost::diagnose {
namespace {

using mail::Step;

Scope scope_of(Step step) {
    switch (step) {
        case Step::connect:
        case Step::greeting:
        case Step::hello:
        case Step::start_tls:
            return Scope::session;
        case Step::auth:
            return Scope::site;
        case Step::mail:
        case Step::data:
        case Step::content:
            return Scope::message;
        case Step::recipient:
        case Step::none:
            break;
    }
    return Scope::recipient;
}

/// Before there is a transaction a refusal is this host's; RFC 5321 5.1 wants the others tried.
bool is_about_host(Step step) {
    return step == Step::connect || step == Step::greeting || step == Step::hello ||
           step == Step::start_tls;
}

}  // namespace

Ruling rfc_ruling(const mail::RecipientOutcome& outcome, std::optional<std::size_t> accepted) {
    Ruling ruling;
    ruling.scope = scope_of(outcome.step);
    ruling.is_next_host = is_about_host(outcome.step);
    switch (outcome.reply_code) {
        case 421:  // RFC 5321 3.8: it closes the connection, whatever was asked
            ruling.scope = Scope::session;
            ruling.is_next_host = true;
            break;
        case 452:  // RFC 5321 4.5.3.1.10; 552 is an old way to say it
        case 552:
            if (outcome.step == Step::recipient) {
                ruling.is_too_many_recipients = accepted.value_or(0) > 0;
                if (outcome.reply_code == 552) {
                    ruling.kind = mail::OutcomeKind::deferred;
                }
            }
            break;
        case 521:  // RFC 7504: no mail here, ever
        case 556:  // RFC 7504, 7505
            ruling.scope = Scope::site;
            break;
        default:
            break;
    }
    return ruling;
}

}  // namespace mxpost::diagnose
