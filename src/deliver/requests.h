// Requests: what was asked of a message while some process had its claim, carried out by the engine
// that has it, before an attempt or after it.
//
// A request is known from the watch or from a scan (ServedBox::saw_request), which makes the
// message due, or from a look for it after the attempt. It is taken away when what it asks for is
// durable, so that it outlives the engine: a deletion's, and what else was asked of that message,
// by the box's next scan (ServedBox::finish_scan).
#pragma once

#include "deliver/served_box.h"
#include "deliver/services.h"
#include "spool/order.h"
#include "spool/store.h"

namespace mxpost::deliver {

class Requests {
public:
    /// What is to be done with the claimed message now.
    enum class Next : std::uint8_t {
        go_on,    // as if nothing had been asked
        due_now,  // another attempt, under the claim's name
        wait,     // no attempt: it is held, and waits under the claim's name
        gone      // it was removed: the removal is to be synced
    };

    /// References must outlive it.
    Requests(ServedBox& box, const Services& services) : box_(box), services_(services) {}

    /// Before an attempt, which is the one that was asked for, if one was: go_on, wait or gone.
    /// Also `wait` for a message that is held without a request.
    Next before_attempt(spool::Claim& claim);
    /// After an attempt, for a message that stays in the queue. Not `wait`: a message that was held
    /// has such a name by then.
    Next after_attempt(spool::Claim& claim);
    /// The message is off the queue, or about to: nothing can come of its requests any more.
    void forget(const spool::MessageId& id);

private:
    /// Nothing where it wasn't asked for, was needless or failed.
    bool carry_out(spool::Claim& claim, spool::Verb verb);

    ServedBox& box_;
    const Services& services_;
};

}  // namespace mxpost::deliver
