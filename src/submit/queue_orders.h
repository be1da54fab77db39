// Orders for messages in the queue: retry, hold, release, delete, bounce. Each message's claim is
// taken and the order carried out; where it is busy, its holder is asked to do it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/exit_status.h"
#include "spool/order.h"
#include "submit/engine_starter.h"
#include "submit/outcomes.h"
#include "submit/queue_selection.h"
#include "submit/surroundings.h"

namespace mxpost::spool {
class BoxStore;
}

namespace mxpost::submit {

/// What became of an order for one message.
enum class Fate : std::uint8_t {
    done,
    needless,  // it is so already, or it is held, where it was to be retried
    asked,     // it is busy: a request for its holder lies in the box
    gone,      // it isn't there (any more), or isn't the caller's
    failed,
    matches  // a dry run: it would have been done
};

struct OrderReport {
    std::string id;
    std::string box;  // empty where the message wasn't found
    uid_t uid = 0;    // the box's owner
    Fate fate = Fate::gone;
    std::string reason;  // failed: what a call said
};

using OrderSink = std::function<void(const OrderReport& report)>;

/// "1hk…: held", "1hk…: busy, asked its engine to hold it".
std::string order_text(spool::Verb verb, const OrderReport& report);
/// The same as a JSON object: queue_id, order, result (as Fate's names), text, box, uid.
std::string order_json(spool::Verb verb, const OrderReport& report);

/// The order that the caller of this program gives.
spool::Order make_order(const Surroundings& around, spool::Verb verb);

/// Gives an order for one message. `reason` is set where it failed.
Fate give_order(
    const Surroundings& around,
    spool::BoxStore& store,
    const spool::EntryName& name,
    const spool::Order& order,
    std::string& reason
);

/// Sees to it that boxes whose mail is due have engines: one on demand for the caller's, for root
/// one that goes over all of them.
class EngineCalls {
public:
    EngineCalls(const Surroundings& around, const EngineStarter& starter)
        : around_(around), starter_(starter) {}
    /// A box below `root` has mail that is due.
    void need_engine(const std::string& root);
    /// After all boxes. Error: no engine could be started.
    Result<void> finish() const;

private:
    const Surroundings& around_;
    const EngineStarter& starter_;
    bool is_run_needed_ = false;
    std::optional<Error> failure_;
};

struct OrderCall {
    spool::Verb verb = spool::Verb::retry;
    QueueSelection selection;
    std::vector<std::string> ids;  // whole; those that match nothing are reported as gone
    bool is_dry_run = false;
};

/// Gives the order for what is selected of the caller's messages (of all users' for uid 0), box by
/// box, and starts engines where there is something for them to do. `progress` (may be empty) hears
/// how many of a box's messages are done. EX_OSERR: something failed; else EX_UNAVAILABLE: an id
/// names no message, else EX_TEMPFAIL: something but a retry could only be asked for.
ExitStatus order_messages(
    const Surroundings& around,
    const EngineStarter& starter,
    const OrderCall& call,
    const OrderSink& sink,
    const LineSink& complain,
    const std::function<void(std::size_t done, std::size_t of)>& progress
);

}  // namespace mxpost::submit
