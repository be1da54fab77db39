#include "deliver/outcome_recorder.h"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "deliver/delivery_log.h"
#include "deliver/local_delivery.h"
#include "deliver/retry_hint.h"
#include "diagnose/ruling.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kRecordAgainAfter{10};
constexpr std::size_t kManyAgain = 20;  // for less, trace is to show each with its words

/// What `last` becomes when it was the last attempt.
mail::RecipientOutcome given_up(mail::RecipientOutcome last, bool is_lifetime_over) {
    last.kind = mail::OutcomeKind::failed;
    if (!is_lifetime_over && last.reply_code >= 500) {
        last.status.klass = 5;  // what was said all the time, in the server's own words
        return last;
    }
    last.text = (is_lifetime_over ? "given up, the queue lifetime is over; the last attempt: "
                                  : "given up, more attempts won't help; the last attempt: ") +
                mail::reply_text(last);
    last.status = spool::kGivenUp;
    last.reply_code = 0;  // these are our words
    return last;
}

}  // namespace

OutcomeRecorder::OutcomeRecorder(
    Services& services,
    spool::Claim& claim,
    const mail::Envelope& envelope,
    const schedule::RetryPolicy& retry
)
    : services_(services),
      claim_(claim),
      envelope_(envelope),
      retry_(retry),
      retry_timer_(services.executor) {}

bool OutcomeRecorder::settle(
    const std::vector<std::uint32_t>& recipients,
    const std::vector<mail::RecipientOutcome>& outcomes
) {
    const WallTime now = services_.clock.now();
    std::vector<spool::Record> records;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
        mail::RecipientOutcome outcome = judge(outcomes[i]);
        if (outcome.kind == mail::OutcomeKind::deferred) {
            continue;
        }
        log_outcome(recipients[i], outcome);
        settled_.insert(recipients[i]);
        records.emplace_back(spool::OutcomeRecord{recipients[i], now, std::move(outcome)});
    }
    return records.empty() || append(records);
}

void OutcomeRecorder::note(
    const std::vector<std::uint32_t>& recipients,
    const std::vector<mail::RecipientOutcome>& outcomes,
    const DialogueLog& dialogue
) {
    const WallTime now = services_.clock.now();
    std::vector<spool::Record> records;
    bool is_all_good = true;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
        if (settled_.contains(recipients[i])) {
            is_all_good &= is_delivered(recipients[i]);
            continue;
        }
        const mail::RecipientOutcome outcome = judge(outcomes[i]);
        log_outcome(recipients[i], outcome);
        is_all_good &= outcome.kind == mail::OutcomeKind::delivered;
        if (outcome.is_untried) {
            untried_.insert(recipients[i]);
        }
        const bool is_repeated = claim_.journal().is_repeated_by(recipients[i], outcome);
        (is_repeated ? repeated_ : records)
            .emplace_back(spool::OutcomeRecord{recipients[i], now, outcome});
    }
    const bool is_told = !is_all_good && !dialogue.is_empty() && !claim_.journal().is_large();
    if (is_told && !claim_.envelope().is_verbose) {
        records.emplace_back(spool::DialogueRecord{now, dialogue.text()});
    }
    claim_.remember(records);
}

void OutcomeRecorder::write_repeated() {
    if (repeated_.size() >= kManyAgain || (claim_.journal().is_large() && !repeated_.empty())) {
        spool::AgainRecord again{services_.clock.now(), {}};
        for (const spool::Record& record : repeated_) {
            again.recipients.push_back(std::get<spool::OutcomeRecord>(record).recipient);
        }
        repeated_.assign(1, std::move(again));
    }
    if (!repeated_.empty()) {
        append(std::exchange(repeated_, {}));
    }
}

void OutcomeRecorder::expire(bool is_asked_for) {
    const WallTime now = services_.clock.now();
    const auto& states = claim_.journal().recipients;
    std::vector<spool::Record> records;
    for (std::uint32_t i = 0; i < states.size(); ++i) {
        const spool::RecipientState& state = states[i];
        if (!state.is_pending() || (is_asked_for && untried_.contains(i)) ||
            !schedule::is_expired(
                envelope_.arrival, now, retry_, pending_recipient(services_.rules, state)
            )) {
            continue;
        }
        mail::RecipientOutcome outcome = given_up(
            state.last.value_or(mail::RecipientOutcome()),
            // From the future: nobody knows its age, only that it was tried often.
            envelope_.arrival > now || schedule::is_expired(envelope_.arrival, now, retry_)
        );
        log_outcome(i, outcome);
        records.emplace_back(spool::OutcomeRecord{i, now, std::move(outcome)});
    }
    if (!records.empty()) {
        append(records);
    }
}

/// What the rules make of it: a refusal may mean "later", and the administrator may have to know.
mail::RecipientOutcome OutcomeRecorder::judge(mail::RecipientOutcome outcome) const {
    if (outcome.kind == mail::OutcomeKind::delivered) {
        return outcome;
    }
    const diagnose::Ruling ruling = services_.rules.rule(outcome);
    if (const auto line = services_.notices.note(ruling, outcome, services_.clock.steady_now())) {
        services_.log.warning(*line);
    }
    if (!outcome.is_untried) {  // nobody has refused this message
        diagnose::apply(ruling, outcome);
    }
    return outcome;
}

void OutcomeRecorder::log_outcome(std::uint32_t recipient, const mail::RecipientOutcome& outcome)
    const {
    const mail::Address& address = envelope_.recipients[recipient].address;
    const auto delay = services_.clock.now() - claim_.envelope().arrival;
    services_.log.info(
        outcome_line(claim_.name().id, destination(services_, address), address, outcome, delay)
    );
}

bool OutcomeRecorder::append(const std::vector<spool::Record>& records) {
    if (auto done = claim_.append(records); !done) {
        services_.log.error(
            claim_.name().id + ": can't write to the journal: " + done.error().message()
        );
        return false;
    }
    is_unsynced_ = true;
    return true;
}

bool OutcomeRecorder::sync() {
    const auto synced = claim_.sync();
    if (!synced) {
        services_.log.error(
            claim_.name().id + ": can't sync the journal: " + synced.error().message()
        );
    }
    is_unsynced_ &= !synced;
    return synced.has_value();
}

asio::awaitable<void> OutcomeRecorder::make_durable() {
    auto synced = claim_.is_unrecorded() ? claim_.record_again() : Result<void>();
    if (synced) {
        synced = claim_.sync();
    }
    while (!synced && !is_stopping_) {
        services_.log.error(
            claim_.name().id +
            ": outcomes can't be written down, no further attempt until they can: " +
            synced.error().message()
        );
        retry_timer_.expires_after(kRecordAgainAfter);
        co_await retry_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
        synced = claim_.record_again();
        if (synced) {
            synced = claim_.sync();
        }
    }
}

void OutcomeRecorder::stop() {
    is_stopping_ = true;
    retry_timer_.cancel();
}

std::vector<schedule::PendingRecipient> OutcomeRecorder::pending() const {
    std::vector<schedule::PendingRecipient> pending;
    for (const spool::RecipientState& state : claim_.journal().recipients) {
        if (state.is_pending()) {
            pending.push_back(pending_recipient(services_.rules, state));
        }
    }
    return pending;
}

bool OutcomeRecorder::has_pending() const {
    return std::ranges::any_of(claim_.journal().recipients, &spool::RecipientState::is_pending);
}

bool OutcomeRecorder::is_delivered(std::uint32_t recipient) const {
    return claim_.journal().recipients[recipient].is_delivered();
}

bool OutcomeRecorder::is_all_delivered() const {
    return std::ranges::all_of(claim_.journal().recipients, &spool::RecipientState::is_delivered);
}

}  // namespace mxpost::deliver
