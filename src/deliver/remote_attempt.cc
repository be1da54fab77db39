#include "deliver/remote_attempt.h"

#include <memory>
#include <string>
#include <utility>

#include "base/text.h"
#include "deliver/port_watch.h"
#include "deliver/services.h"
#include "diagnose/port_25.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

constexpr mail::EnhancedStatus kNoAnswer{4, 4, 1};  // RFC 3463 3.5

struct Relayed {
    bool is_reached = false;
    AttemptResult result;
};

asio::awaitable<Relayed> attempt_relay(Services& services, Consignment consignment) {
    auto destination = std::make_unique<RelayDestination>(services, *services.relay);
    DomainAttempt attempt(services, std::move(destination), std::move(consignment));
    Relayed relayed;
    relayed.result = co_await attempt.run();
    relayed.is_reached = attempt.reach() == Reach::connected;
    co_return relayed;
}

/// Both ways failed: mailq is to show both reasons.
void add_reasons(AttemptResult& direct, const AttemptResult& relayed) {
    for (std::size_t i = 0; i < direct.outcomes.size(); ++i) {
        direct.outcomes[i].text += "; " + mail::reply_text(relayed.outcomes[i]);
    }
}

bool has_fallback(const Services& services) {
    return services.relay != nullptr && services.relay->is_fallback();
}

void note_connected(Services& services) {
    if (services.port_watch.connected()) {
        services.log.info("port 25 is open again: mail goes straight to its recipients' servers");
    }
}

void note_blocked(Services& services) {
    if (services.port_watch.confirm(services.clock.steady_now())) {
        services.log.warning(
            "port 25 seems to be blocked from here: no mail server can be reached, but the relay " +
            services.relay->text() + " can, which gets the mail from now on"
        );
    }
}

/// Nobody else can take the mail: it waits, and isn't tried in vain message by message.
void note_general_failure(Services& services) {
    const SteadyTime now = services.clock.steady_now();
    if (services.port_watch.is_general(now) && services.port_watch.confirm(now)) {
        services.log.warning(
            diagnose::port_blocked_advice() +
            ". Mail waits; now and then one message tries whether the port is open again"
        );
    }
}

/// Port 25 is blocked, and it isn't this message that tries it.
AttemptResult not_tried(Consignment consignment) {
    std::string text = diagnose::kPortBlocked;
    text += "; not tried this time";
    consignment.dialogue.note(text);
    AttemptResult result;
    result.outcomes.assign(
        consignment.recipients.size(),
        mail::RecipientOutcome(mail::OutcomeKind::deferred, kNoAnswer, text)
    );
    return result;
}

asio::awaitable<AttemptResult> attempt_relay_alone(Services& services, Consignment consignment) {
    Relayed relayed = co_await attempt_relay(services, std::move(consignment));
    co_return std::move(relayed.result);
}

/// Falls back to the relay where that is set up.
asio::awaitable<AttemptResult> attempt_direct(Services& services, Consignment consignment) {
    PortWatch& watch = services.port_watch;
    const std::string domain = ascii_lower(consignment.recipients.front().address.domain());
    if (!consignment.is_urgent && !has_fallback(services) &&
        !watch.may_try(domain, services.clock.steady_now())) {
        co_return not_tried(std::move(consignment));
    }
    std::unique_ptr<Consignment> again;  // rarely: thousands of messages may be on their way
    if (has_fallback(services)) {
        again = std::make_unique<Consignment>(consignment);
    }
    DomainAttempt direct(services, std::move(consignment));
    AttemptResult result = co_await direct.run();
    if (direct.reach() == Reach::connected) {
        note_connected(services);
    }
    if (direct.reach() != Reach::unreachable) {
        co_return result;
    }
    watch.unreachable(direct.site(), domain, services.clock.steady_now());
    if (!again) {
        note_general_failure(services);
        co_return result;
    }
    if (!watch.is_blocked() && !watch.is_suspect(services.clock.steady_now())) {
        co_return result;
    }
    again->dialogue.note("port 25 may be blocked: trying the relay " + services.relay->text());
    Relayed relayed = co_await attempt_relay(services, std::move(*again));
    if (!relayed.is_reached) {
        add_reasons(result, relayed.result);
        co_return result;
    }
    note_blocked(services);
    co_return std::move(relayed.result);
}

}  // namespace

asio::awaitable<AttemptResult> attempt_remote(
    Services& services, Way way, Consignment consignment
) {
    if (way == Way::relay) {
        return attempt_relay_alone(services, std::move(consignment));
    }
    return attempt_direct(services, std::move(consignment));
}

}  // namespace mxpost::deliver
