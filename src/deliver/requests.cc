#include "deliver/requests.h"

#include <string>

namespace mxpost::deliver {
namespace {

std::string words(uid_t uid) {
    return uid == 0 ? "root" : "uid " + std::to_string(uid);
}

}  // namespace

bool Requests::carry_out(spool::Claim& claim, spool::Verb verb) {
    const spool::Request request{claim.name().id, std::string(spool::verb_word(verb))};
    const auto uid = box_.store().asker(request);
    if (!uid) {
        return false;
    }
    spool::Order order;
    order.verb = verb;
    order.uid = *uid;
    order.by = words(*uid);
    order.now = services_.clock.now();
    order.look_again = services_.retry.max_delay;
    const auto done = spool::carry_out(claim, order);
    if (!done) {
        services_.log.error(
            request.id + ": can't " + request.verb + " it as was asked: " + done.error().message()
        );
        return false;
    }
    const bool is_done = *done == spool::Compliance::done;
    if (is_done && verb != spool::Verb::retry) {
        services_.log.info(spool::order_line(claim, order));
    }
    if (is_done && verb == spool::Verb::remove) {
        return true;  // it stays until the removal is durable: else the message could come back
    }
    // What can't be taken away must be no reason to try the message without end.
    return box_.store().take_request(request) && is_done;
}

Requests::Next Requests::before_attempt(spool::Claim& claim) {
    if (box_.take_asked(claim.name().id)) {
        for (const spool::Verb verb : spool::kVerbs) {
            if (!carry_out(claim, verb)) {
                continue;
            }
            if (verb == spool::Verb::remove) {
                return Next::gone;
            }
            if (verb == spool::Verb::bounce) {
                forget(claim.name().id);
                break;
            }
        }
    }
    if (!claim.journal().is_held()) {
        return Next::go_on;
    }
    const auto again = services_.clock.now() + services_.retry.max_delay;
    if (auto moved = claim.postpone(to_seconds(again)); !moved) {
        services_.log.warning(
            claim.name().id + ": is held, but can't be renamed: " + moved.error().message()
        );
    }
    return Next::wait;
}

Requests::Next Requests::after_attempt(spool::Claim& claim) {
    (void)box_.take_asked(claim.name().id);
    Next next = Next::go_on;
    for (const spool::Verb verb : spool::kVerbs) {
        if (!carry_out(claim, verb)) {
            continue;
        }
        if (verb == spool::Verb::remove) {
            return Next::gone;
        }
        if (verb == spool::Verb::bounce) {
            forget(claim.name().id);  // a hold, say, would keep its report
            return Next::due_now;
        }
        next = verb == spool::Verb::hold ? Next::go_on : Next::due_now;
    }
    return next;
}

void Requests::forget(const spool::MessageId& id) {
    for (const spool::Verb verb : spool::kVerbs) {
        box_.store().take_request({id, std::string(spool::verb_word(verb))});
    }
}

}  // namespace mxpost::deliver
