#include "protocol/authentication.h"

#include <utility>

#include "base/text.h"
#include "mail/base64.h"
#include "protocol/ledger.h"

namespace mxpost::protocol {
namespace {

constexpr std::size_t kMaxCommand = 510;  // RFC 4954 4: else without initial response

}  // namespace

Authentication::Authentication(
    const AuthSettings& settings, Mechanisms offered, bool is_tls, ClientOutput& output
)
    : settings_(settings), output_(output), is_tls_(is_tls) {
    for (const Mechanism mechanism : offered.all()) {
        const bool is_safe = is_tls || settings.may_show_secret || !shows_secret(mechanism);
        if (settings.allowed.has(mechanism) && is_safe) {
            candidates_.push_back(mechanism);
        }
    }
}

Verdict Authentication::begin() {
    if (candidates_.empty()) {
        return Verdict::refused(deferral(
            7,
            4,
            is_tls_ ? "the server offers no way to log in that the settings allow"
                    : "without TLS the server offers no way to log in that hides the password"
        ));
    }
    start_next();
    return Verdict::go_on();
}

void Authentication::start_next() {
    const Mechanism mechanism = candidates_.front();
    candidates_.pop_front();
    exchange_ = begin_sasl(mechanism, *settings_.credentials, *settings_.digests, settings_.nonce);
    const std::string command = "AUTH " + std::string(name_of(mechanism));
    auto response = exchange_->initial_response();
    late_response_.reset();
    if (!response) {
        output_.command(command);
        return;
    }
    std::string encoded = response->empty() ? "=" : mail::base64_encoded(*response);
    if (command.size() + 1 + encoded.size() > kMaxCommand) {
        output_.command(command);
        late_response_ = std::move(*response);
    } else {
        output_.secret(command + " ", encoded);
        wipe(*response);
    }
    wipe(encoded);
}

Verdict Authentication::on_reply(const Reply& reply) {
    if (reply.klass() == 3) {
        return reply.code == 334 && cancelled_.empty()
                   ? on_challenge(reply.words(0))
                   : Verdict::desynchronised("an unexpected reply");
    }
    if (!cancelled_.empty()) {
        return Verdict::refused(deferral(7, 0, cancelled_));
    }
    if (reply.klass() != 2) {
        return on_refusal(reply);
    }
    if (const auto shown = exchange_->accepted(); !shown) {
        return Verdict::refused(deferral(7, 0, shown.error().message()));
    }
    return Verdict::done();
}

Verdict Authentication::on_challenge(std::string_view words) {
    if (late_response_) {
        respond(std::move(*late_response_));
        late_response_.reset();
        return Verdict::go_on();
    }
    const auto challenge = mail::base64_decoded(trim(words));
    if (!challenge) {
        return cancel(Error::invalid("the server's challenge is not base64"));
    }
    auto response = exchange_->respond(*challenge);
    if (!response) {
        return cancel(response.error());
    }
    respond(std::move(*response));
    return Verdict::go_on();
}

void Authentication::respond(std::string&& response) {
    std::string encoded = mail::base64_encoded(response);
    output_.secret("", encoded);
    wipe(encoded);
    wipe(response);
}

/// RFC 4954 4: the server answers "*" with 501.
Verdict Authentication::cancel(const Error& error) {
    cancelled_ = error.message();
    output_.command("*");
    return Verdict::go_on();
}

Verdict Authentication::on_refusal(const Reply& reply) {
    // RFC 4954 6: 504 unknown, 534 too weak. They say nothing of user and password.
    if ((reply.code == 504 || reply.code == 534) && !candidates_.empty()) {
        start_next();
        return Verdict::go_on();
    }
    are_credentials_refused_ = reply.code == 535;
    return Verdict::refused(deferred(refusal_outcome(reply)));
}

}  // namespace mxpost::protocol
