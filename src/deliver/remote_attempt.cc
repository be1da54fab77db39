#include "deliver/remote_attempt.h"

#include <utility>

#include "deliver/services.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

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

void note_connected(Services& services) {
    if (services.relay->watch().connected()) {
        services.log.info("port 25 is open again: mail goes straight to its recipients' servers");
    }
}

void note_blocked(Services& services) {
    if (services.relay->watch().confirm(services.clock.steady_now())) {
        services.log.warning(
            "port 25 seems to be blocked from here: no mail server can be reached, but the relay " +
            services.relay->text() + " can, which gets the mail from now on"
        );
    }
}

}  // namespace

asio::awaitable<AttemptResult> attempt_remote(
    Services& services, Way way, Consignment consignment
) {
    if (way == Way::relay) {
        Relayed relayed = co_await attempt_relay(services, std::move(consignment));
        co_return std::move(relayed.result);
    }
    if (services.relay == nullptr || !services.relay->is_fallback()) {
        DomainAttempt direct(services, std::move(consignment));
        co_return co_await direct.run();
    }
    Consignment again = consignment;
    DomainAttempt direct(services, std::move(consignment));
    AttemptResult result = co_await direct.run();
    PortWatch& watch = services.relay->watch();
    if (direct.reach() == Reach::connected) {
        note_connected(services);
    }
    if (direct.reach() != Reach::unreachable) {
        co_return result;
    }
    watch.unreachable(direct.site(), services.clock.steady_now());
    if (!watch.is_blocked() && !watch.is_suspect(services.clock.steady_now())) {
        co_return result;
    }
    again.dialogue.note("port 25 may be blocked: trying the relay " + services.relay->text());
    Relayed relayed = co_await attempt_relay(services, std::move(again));
    if (!relayed.is_reached) {
        add_reasons(result, relayed.result);
        co_return result;
    }
    note_blocked(services);
    co_return std::move(relayed.result);
}

}  // namespace mxpost::deliver
