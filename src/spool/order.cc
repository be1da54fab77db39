#include "spool/order.h"

#include <algorithm>
#include <vector>

#include "spool/request.h"

namespace mxpost::spool {
namespace {

/// For the recipient's report: whose decision it was, and what had kept the message until then.
mail::RecipientOutcome returned(const RecipientState& state, bool is_owner) {
    std::string text = is_owner ? "returned on its sender's own request"
                                : "returned by the administrator of the sending host";
    mail::RecipientOutcome outcome = state.last.value_or(mail::RecipientOutcome());
    if (state.last) {
        text += "; the last attempt: " + mail::reply_text(outcome);
    }
    outcome.kind = mail::OutcomeKind::failed;
    outcome.status = {5, 7, 0};
    outcome.reply_code = 0;  // these are our words
    outcome.text = std::move(text);
    return outcome;
}

Result<Compliance> append(Claim& claim, const std::vector<Record>& records) {
    auto done = claim.append(records);
    if (done) {
        done = claim.sync();
    }
    return done ? Result<Compliance>(Compliance::done) : Result<Compliance>(done.error());
}

/// The journal first: a name that says "much later" of a message that isn't held would delay it.
Result<Compliance> append_and_postpone(
    Claim& claim, const std::vector<Record>& records, WallTime due
) {
    auto appended = append(claim, records);
    if (!appended) {
        return appended;
    }
    const auto postponed = claim.postpone(to_seconds(due));
    return postponed ? appended : Result<Compliance>(postponed.error());
}

Result<Compliance> hold(Claim& claim, const Order& order) {
    if (claim.journal().is_held()) {
        return Compliance::needless;
    }
    const HoldRecord record{order.now, true, order.by};
    return append_and_postpone(claim, {record}, order.now + order.look_again);
}

Result<Compliance> release(Claim& claim, const Order& order) {
    if (!claim.journal().is_held()) {
        return Compliance::needless;
    }
    return append_and_postpone(
        claim, {HoldRecord{order.now, false, order.by}}, WallTime(asked_for_due(claim.name().id))
    );
}

Result<Compliance> bounce(Claim& claim, const Order& order) {
    std::vector<Record> records;
    const auto& states = claim.journal().recipients;
    for (std::uint32_t i = 0; i < states.size(); ++i) {
        if (states[i].is_pending()) {
            records.emplace_back(OutcomeRecord{
                i, order.now, returned(states[i], order.uid == claim.submitter())});
        }
    }
    if (records.empty()) {
        return Compliance::needless;
    }
    if (claim.journal().is_held()) {
        records.emplace_back(HoldRecord{order.now, false, order.by});
    }
    return append_and_postpone(claim, records, order.now);
}

Result<Compliance> retry(Claim& claim) {
    if (claim.journal().is_held()) {
        return Compliance::needless;
    }
    const auto postponed = claim.postpone(asked_for_due(claim.name().id));
    return postponed ? Result<Compliance>(Compliance::done) : Result<Compliance>(postponed.error());
}

Result<Compliance> remove(Claim& claim, const Order& order) {
    // A new name first, which engines see come: else one that expects this message for a later time
    // would wait for it until then. Without it the removal is as good.
    (void)claim.postpone(to_seconds(order.now)).has_value();
    const auto removed = claim.remove();
    return removed ? Result<Compliance>(Compliance::done) : Result<Compliance>(removed.error());
}

std::string deleted_text(const Claim& claim) {
    constexpr std::size_t kMostNamed = 5;
    const mail::Envelope& envelope = claim.envelope();
    std::string text = ": from=<" + mail::path_text(envelope.sender) + ">";
    std::size_t named = 0;
    std::size_t pending = 0;
    for (std::size_t i = 0; i < envelope.recipients.size(); ++i) {
        if (!claim.journal().recipients[i].is_pending()) {
            continue;
        }
        ++pending;
        if (named < kMostNamed) {
            text += ", to=<" + envelope.recipients[i].address.text() + ">";
            ++named;
        }
    }
    if (pending > named) {
        text += " and " + std::to_string(pending - named) + " more";
    }
    return text + ", nobody is told";
}

}  // namespace

std::string_view verb_word(Verb verb) {
    switch (verb) {
        case Verb::retry:
            return kRetryVerb;
        case Verb::hold:
            return "hold";
        case Verb::release:
            return "release";
        case Verb::remove:
            return "delete";
        case Verb::bounce:
            return "bounce";
    }
    return "";
}

std::optional<Verb> parse_verb(std::string_view word) {
    const auto* const found = std::ranges::find(kVerbs, word, verb_word);
    return found == kVerbs.end() ? std::nullopt : std::optional(*found);
}

Result<Compliance> carry_out(Claim& claim, const Order& order) {
    switch (order.verb) {
        case Verb::retry:
            return retry(claim);
        case Verb::hold:
            return hold(claim, order);
        case Verb::release:
            return release(claim, order);
        case Verb::remove:
            return remove(claim, order);
        case Verb::bounce:
            return bounce(claim, order);
    }
    return Compliance::needless;
}

std::string order_line(const Claim& claim, const Order& order) {
    const auto line = [&](std::string_view done) {
        return claim.name().id + ": " + std::string(done) + " by " + order.by;
    };
    switch (order.verb) {
        case Verb::retry:
            return line("made due now");
        case Verb::hold:
            return line("held");
        case Verb::release:
            return line("released");
        case Verb::remove:
            return line("deleted") + deleted_text(claim);
        case Verb::bounce:
            return line("returned to its sender");
    }
    return "";
}

}  // namespace mxpost::spool
