#include "protocol/ledger.h"

#include <algorithm>
#include <utility>

namespace mxpost::protocol {
namespace {

mail::EnhancedStatus status_of(int klass, std::uint16_t subject, std::uint16_t detail) {
    mail::EnhancedStatus status;
    status.klass = static_cast<std::uint8_t>(klass);
    status.subject = subject;
    status.detail = detail;
    return status;
}

mail::RecipientOutcome from_reply(const Reply& reply, mail::OutcomeKind kind, int klass) {
    auto status = reply.status;
    if (status.klass != klass) {
        status = status_of(klass, status.subject, status.detail);
    }
    mail::RecipientOutcome outcome(kind, status, reply.text());
    outcome.reply_code = reply.code;
    return outcome;
}

mail::RecipientOutcome delivery_outcome(const Reply& reply) {
    auto outcome = from_reply(reply, mail::OutcomeKind::delivered, 2);
    outcome.step = mail::Step::content;
    return outcome;
}

}  // namespace

mail::RecipientOutcome refusal_outcome(const Reply& reply, mail::Step step) {
    auto outcome = reply.klass() == 5 ? from_reply(reply, mail::OutcomeKind::failed, 5)
                                      : from_reply(reply, mail::OutcomeKind::deferred, 4);
    outcome.step = step;
    return outcome;
}

mail::RecipientOutcome deferral(std::uint16_t subject, std::uint16_t detail, std::string text) {
    return {mail::OutcomeKind::deferred, status_of(4, subject, detail), std::move(text)};
}

mail::RecipientOutcome deferred(mail::RecipientOutcome outcome) {
    outcome.kind = mail::OutcomeKind::deferred;
    outcome.status.klass = 4;
    return outcome;
}

mail::RecipientOutcome failure(std::uint16_t subject, std::uint16_t detail, std::string text) {
    return {mail::OutcomeKind::failed, status_of(5, subject, detail), std::move(text)};
}

std::size_t Ledger::open_count() const {
    return static_cast<std::size_t>(std::count_if(
        entries_.begin(), entries_.end(), [](const auto& entry) { return !entry.outcome; }
    ));
}

std::size_t Ledger::accepted_count() const {
    return static_cast<std::size_t>(std::count_if(
        entries_.begin(),
        entries_.end(),
        [](const auto& entry) { return entry.is_accepted && !entry.outcome; }
    ));
}

void Ledger::withdraw() {
    for (auto& entry : entries_) {
        entry.is_accepted = false;
    }
}

void Ledger::settle(std::size_t index, const mail::RecipientOutcome& outcome) {
    if (!entries_[index].outcome) {
        entries_[index].outcome = outcome;
    }
}

std::size_t Ledger::settle_open(const mail::RecipientOutcome& outcome) {
    std::size_t count = 0;
    for (auto& entry : entries_) {
        if (!entry.outcome) {
            entry.outcome = outcome;
            ++count;
        }
    }
    return count;
}

void Ledger::deliver(std::size_t index, const Reply& reply) {
    if (is_accepted(index)) {
        entries_[index].outcome = delivery_outcome(reply);
    }
}

void Ledger::deliver_accepted(const Reply& reply, mail::SuccessReport success) {
    auto outcome = delivery_outcome(reply);
    outcome.success = success;
    for (auto& entry : entries_) {
        if (entry.is_accepted && !entry.outcome) {
            entry.outcome = outcome;
        }
    }
}

void Ledger::overrule(const mail::RecipientOutcome& outcome) {
    for (auto& entry : entries_) {
        entry.outcome = outcome;
    }
}

std::vector<mail::RecipientOutcome> Ledger::outcomes() const& {
    auto copy = *this;
    return std::move(copy).outcomes();
}

std::vector<mail::RecipientOutcome> Ledger::outcomes() && {
    std::vector<mail::RecipientOutcome> outcomes;
    outcomes.reserve(entries_.size());
    for (auto& entry : entries_) {
        outcomes.push_back(
            entry.outcome ? std::move(*entry.outcome)
                          : deferral(3, 0, "the transaction did not end")
        );
    }
    return outcomes;
}

}  // namespace mxpost::protocol
