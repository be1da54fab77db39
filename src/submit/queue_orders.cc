#include "submit/queue_orders.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "spool/box_store.h"
#include "submit/hand_off.h"
#include "submit/queue_view.h"

namespace mxpost::submit {
namespace {

/// Contradicting requests: the last one counts, although an engine that finds several carries them
/// out in an order of its own (kVerbs). And what can't matter any more.
bool takes_back(spool::Verb verb, spool::Verb earlier) {
    switch (verb) {
        case spool::Verb::remove:
            return true;
        case spool::Verb::bounce:
        case spool::Verb::hold:
            return earlier != verb;
        case spool::Verb::release:
            return earlier == spool::Verb::hold;
        case spool::Verb::retry:  // each queue run asks this of every message
            break;
    }
    return false;
}

void withdraw_requests(spool::BoxStore& store, const spool::MessageId& id, spool::Verb verb) {
    for (const spool::Verb earlier : spool::kVerbs) {
        if (takes_back(verb, earlier)) {
            store.take_request({id, std::string(spool::verb_word(earlier))});
        }
    }
}

/// As spool::carry_out() would say.
bool is_needless(spool::Verb verb, const spool::JournalState& journal) {
    switch (verb) {
        case spool::Verb::retry:
        case spool::Verb::hold:
            return journal.is_held();
        case spool::Verb::release:
            return !journal.is_held();
        case spool::Verb::bounce:
            return std::ranges::none_of(journal.recipients, &spool::RecipientState::is_pending);
        case spool::Verb::remove:
            break;
    }
    return false;
}

Fate carry_out(
    const Surroundings& around,
    spool::BoxStore& store,
    spool::Claim& claim,
    const spool::Order& order,
    std::string& reason
) {
    const auto done = spool::carry_out(claim, order);
    if (!done) {
        reason = done.error().message();
        return Fate::failed;
    }
    withdraw_requests(store, claim.name().id, order.verb);
    if (*done == spool::Compliance::needless) {
        return Fate::needless;
    }
    if (order.verb != spool::Verb::retry) {
        around.log.info(spool::order_line(claim, order));
    }
    return Fate::done;
}

Fate ask(
    const Surroundings& around,
    spool::BoxStore& store,
    const spool::EntryName& name,
    const spool::Order& order,
    std::string& reason
) {
    withdraw_requests(store, name.id, order.verb);
    if (const auto left = store.leave_request(name.id, spool::verb_word(order.verb)); !left) {
        reason = "is busy: " + left.error().message();
        return Fate::failed;
    }
    // Its holder may have let go just before, and need not be an engine, which would still see it.
    const spool::ClaimResult claimed = store.claim(name);
    if (!claimed.claim) {
        return Fate::asked;
    }
    store.take_request({name.id, std::string(spool::verb_word(order.verb))});
    return carry_out(around, store, *claimed.claim, order, reason);
}

/// A retry of what is due already. Nothing: it can't be read, of which a claim tells more.
std::optional<Fate> retry_due(
    const Surroundings& around,
    spool::BoxStore& store,
    const spool::EntryName& name,
    const spool::Order& order,
    std::string& reason
) {
    const auto message = spool::read_message(around.files, store.box(), name);
    if (!message) {
        return std::nullopt;
    }
    // A held message's name is due, too, until an engine has looked at it again.
    if (is_needless(order.verb, message->journal())) {
        return Fate::needless;
    }
    // Due is also what is in an engine's hands: the name only changes when that is over.
    const auto is_free = around.files.try_lock_shared(message->fd());
    return is_free && !*is_free ? ask(around, store, name, order, reason) : Fate::done;
}

/// What would become of an order.
Fate fate_of_dry_run(
    const Surroundings& around,
    const spool::BoxStore& store,
    const spool::EntryName& name,
    spool::Verb verb
) {
    const auto message = spool::read_message(around.files, store.box(), name);
    if (!message) {
        return message.error().is(ENOENT) ? Fate::gone : Fate::matches;
    }
    return is_needless(verb, message->journal()) ? Fate::needless : Fate::matches;
}

const char* infinitive(spool::Verb verb) {
    switch (verb) {
        case spool::Verb::retry:
            return "try it again";
        case spool::Verb::hold:
            return "hold it";
        case spool::Verb::release:
            return "release it";
        case spool::Verb::remove:
            return "delete it";
        case spool::Verb::bounce:
            return "return it";
    }
    return "";
}

const char* participle(spool::Verb verb) {
    switch (verb) {
        case spool::Verb::retry:
            return "due now";
        case spool::Verb::hold:
            return "held";
        case spool::Verb::release:
            return "released";
        case spool::Verb::remove:
            return "deleted";
        case spool::Verb::bounce:
            return "returned to its sender";
    }
    return "";
}

const char* needless_text(spool::Verb verb) {
    switch (verb) {
        case spool::Verb::retry:
            return "is held, release it first";
        case spool::Verb::hold:
            return "was held already";
        case spool::Verb::release:
            return "isn't held";
        case spool::Verb::remove:
            return "is gone";
        case spool::Verb::bounce:
            return "nobody waits for it any more";
    }
    return "";
}

std::string fate_text(spool::Verb verb, const OrderReport& report) {
    switch (report.fate) {
        case Fate::done:
            return participle(verb);
        case Fate::needless:
            return needless_text(verb);
        case Fate::asked:
            return std::string("busy, asked its engine to ") + infinitive(verb);
        case Fate::gone:
            return report.box.empty() ? "no such message" : "gone";
        case Fate::failed:
            return report.reason;
        case Fate::matches:
            return std::string("would be ") + participle(verb);
    }
    return "";
}

const char* fate_word(Fate fate) {
    switch (fate) {
        case Fate::done:
            return "done";
        case Fate::needless:
            return "needless";
        case Fate::asked:
            return "asked";
        case Fate::gone:
            return "gone";
        case Fate::failed:
            return "failed";
        case Fate::matches:
            return "matches";
    }
    return "";
}

/// One call's way through the boxes.
class OrderRun {
public:
    OrderRun(
        const Surroundings& around,
        const EngineStarter& starter,
        const OrderCall& call,
        const OrderSink& sink,
        const LineSink& complain,
        const std::function<void(std::size_t done, std::size_t of)>& progress
    )
        : around_(around),
          call_(call),
          sink_(sink),
          complain_(complain),
          progress_(progress),
          order_(make_order(around, call.verb)),
          engines_(around, starter),
          missing_(call.ids.begin(), call.ids.end()) {}

    ExitStatus run() {
        bool is_complete = visit_boxes(
            around_,
            complain_,
            [this](spool::BoxStore& store, const std::string& root) { run_in(store, root); }
        );
        if (is_nothing_selected_ && call_.ids.empty() && is_complete) {
            complain_("no message matches");
        }
        for (const std::string& id : missing_) {
            OrderReport report;
            report.id = id;
            sink_(report);
        }
        if (const auto started = engines_.finish(); !started) {
            complain_(started.error().message());
            is_complete = false;
        }
        if (!is_complete || has_failed_) {
            return ExitStatus::os_error;
        }
        if (!missing_.empty() || (has_gone_ && !call_.ids.empty())) {
            return ExitStatus::unavailable;
        }
        return has_asked_ && call_.verb != spool::Verb::retry ? ExitStatus::temp_fail
                                                              : ExitStatus::ok;
    }

private:
    static constexpr int kPasses = 3;

    void run_in(spool::BoxStore& store, const std::string& root) {
        auto names = selected_names(around_, store, call_.selection, complain_);
        is_nothing_selected_ &= names.empty();
        for (const spool::EntryName& name : names) {
            missing_.erase(name.id);
        }
        bool is_due = false;
        bool is_removed = false;
        // What is gone may have got another name from its engine: these are looked for again.
        for (int pass = 0; pass < kPasses && !names.empty(); ++pass) {
            std::set<spool::MessageId> gone;
            for (std::size_t i = 0; i < names.size(); ++i) {
                if (progress_) {
                    progress_(i, names.size());
                }
                const Fate fate = give(store, names[i], pass + 1 == kPasses);
                if (fate == Fate::gone) {
                    gone.insert(names[i].id);
                }
                is_removed |= fate == Fate::done && call_.verb == spool::Verb::remove;
                is_due |= fate == Fate::done || fate == Fate::asked;
            }
            const bool is_last = pass + 1 == kPasses;
            names = gone.empty() || is_last ? std::vector<spool::EntryName>() : again(store, gone);
        }
        if (is_removed) {
            if (const auto synced = store.sync_removals(); !synced) {
                complain_(store.label() + ": " + synced.error().message());
                has_failed_ = true;
            }
        }
        if (is_due && call_.verb != spool::Verb::hold && call_.verb != spool::Verb::remove) {
            engines_.need_engine(root);
        }
    }

    std::vector<spool::EntryName> again(
        spool::BoxStore& store, const std::set<spool::MessageId>& gone
    ) {
        std::vector<spool::EntryName> found;
        const auto listed = store.list([&](const spool::EntryName& name) {
            if (gone.contains(name.id)) {
                found.push_back(name);
            }
        });
        for (const spool::MessageId& id : gone) {
            if (std::ranges::find(found, id, &spool::EntryName::id) == found.end()) {
                report(store, id, listed ? Fate::gone : Fate::failed, "can't be looked for");
            }
        }
        return found;
    }

    Fate give(spool::BoxStore& store, const spool::EntryName& name, bool is_last) {
        std::string reason;
        const Fate fate = call_.is_dry_run ? fate_of_dry_run(around_, store, name, call_.verb)
                                           : give_order(around_, store, name, order_, reason);
        if (fate != Fate::gone || is_last) {
            report(store, name.id, fate, reason);
        }
        return fate;
    }

    void report(
        const spool::BoxStore& store, const spool::MessageId& id, Fate fate, std::string reason
    ) {
        has_failed_ |= fate == Fate::failed;
        has_asked_ |= fate == Fate::asked;
        has_gone_ |= fate == Fate::gone;
        sink_({id, store.label(), store.owner(), fate, std::move(reason)});
    }

    const Surroundings& around_;
    const OrderCall& call_;
    const OrderSink& sink_;
    const LineSink& complain_;
    const std::function<void(std::size_t done, std::size_t of)>& progress_;
    spool::Order order_;
    EngineCalls engines_;
    std::set<std::string> missing_;
    bool has_failed_ = false;
    bool has_asked_ = false;
    bool has_gone_ = false;
    bool is_nothing_selected_ = true;
};

}  // namespace

spool::Order make_order(const Surroundings& around, spool::Verb verb) {
    spool::Order order;
    order.verb = verb;
    order.uid = around.identity.uid;
    order.by = order.uid == 0 ? "root"
                              : around.identity.login + " (uid " + std::to_string(order.uid) + ")";
    order.now = around.clock.now();
    order.look_again = around.settings.retry_max;
    return order;
}

Fate give_order(
    const Surroundings& around,
    spool::BoxStore& store,
    const spool::EntryName& name,
    const spool::Order& order,
    std::string& reason
) {
    // A new message gets its attempt before those that are asked for.
    const bool is_as_good =
        name.due <= to_seconds(order.now) && (spool::is_asked_for(name) || spool::is_untried(name));
    if (order.verb == spool::Verb::retry && is_as_good) {
        if (const auto fate = retry_due(around, store, name, order, reason)) {
            return *fate;
        }
    }
    const spool::ClaimResult claimed = store.claim(name);
    if (claimed.claim) {
        return carry_out(around, store, *claimed.claim, order, reason);
    }
    switch (claimed.refusal) {
        case spool::ClaimRefusal::busy:
            return ask(around, store, name, order, reason);
        case spool::ClaimRefusal::gone:
            return Fate::gone;
        case spool::ClaimRefusal::set_aside:
            reason = "was damaged, and is set aside: " + claimed.reason;
            (void)store.sync_removals().has_value();  // at worst it is found once more
            return Fate::failed;
        case spool::ClaimRefusal::failed:
            break;
    }
    reason = claimed.reason;
    return Fate::failed;
}

void EngineCalls::need_engine(const std::string& root) {
    if (around_.identity.uid == 0) {
        is_run_needed_ = true;
        return;
    }
    auto own = spool::open_own_box(
        around_.files, root, around_.identity.uid, around_.clock, around_.random
    );
    if (!own) {
        failure_ = own.error();
    } else if (!hand_off(around_.files, around_.log, starter_, std::move(*own))) {
        failure_ = Error::invalid("no engine could be started, the log has why");
    }
}

Result<void> EngineCalls::finish() const {
    if (failure_) {
        return *failure_;
    }
    if (!is_run_needed_) {
        return {};
    }
    // One that goes over all boxes; those with an engine of their own are left to it.
    const auto started = starter_.start({{"run", "--once"}, {}, false});
    return started ? Result<void>() : Result<void>(started.error());
}

std::string order_text(spool::Verb verb, const OrderReport& report) {
    return printable(report.id, 100) + ": " + printable(fate_text(verb, report));
}

std::string order_json(spool::Verb verb, const OrderReport& report) {
    JsonObject object;
    object.text("queue_id", report.id).text("order", spool::verb_word(verb));
    object.text("result", fate_word(report.fate)).text("text", fate_text(verb, report));
    if (!report.box.empty()) {
        object.text("box", report.box).number("uid", report.uid);
    }
    return object.end();
}

ExitStatus order_messages(
    const Surroundings& around,
    const EngineStarter& starter,
    const OrderCall& call,
    const OrderSink& sink,
    const LineSink& complain,
    const std::function<void(std::size_t done, std::size_t of)>& progress
) {
    return OrderRun(around, starter, call, sink, complain, progress).run();
}

}  // namespace mxpost::submit
