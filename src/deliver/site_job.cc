#include "deliver/site_job.h"

#include <algorithm>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "protocol/ledger.h"
#include "route/domain_name.h"
#include "spool/message_file.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

/// Said of the host, before there was any transaction.
bool is_before_mail(mail::Step step) {
    return step == mail::Step::connect || step == mail::Step::greeting ||
           step == mail::Step::hello || step == mail::Step::start_tls || step == mail::Step::auth;
}

}  // namespace

SiteJob::SiteJob(
    const asio::any_io_executor& executor,
    Services& services,
    Destination& destination,
    Consignment consignment
)
    : services_(services),
      destination_(destination),
      consignment_(std::move(consignment)),
      completion_(executor, asio::steady_timer::time_point::max()) {
    auto& recipients = consignment_.recipients;
    const mail::RecipientOutcome nothing_tried(
        mail::OutcomeKind::deferred, {4, 4, 1}, "no host could be tried"
    );
    result_.outcomes.assign(recipients.size(), nothing_tried);
    is_noted_.assign(recipients.size(), false);
    for (std::size_t i = 0; i < recipients.size(); ++i) {
        recipients[i].address = route::with_a_labels(recipients[i].address);
        open_.push_back(i);
    }
}

std::vector<std::size_t> SiteJob::take_chunk(
    std::size_t most, const std::function<bool(const mail::Recipient&)>& fits
) {
    const std::size_t size = std::min(unsent_.size(), std::max<std::size_t>(1, most));
    const auto middle = std::find_if_not(
        unsent_.begin(),
        unsent_.begin() + static_cast<std::ptrdiff_t>(size),
        [&](std::size_t index) { return fits(consignment_.recipients[index]); }
    );
    std::vector<std::size_t> chunk(unsent_.begin(), middle);
    unsent_.erase(unsent_.begin(), middle);
    return chunk;
}

void SiteJob::return_chunk(const std::vector<std::size_t>& chunk) {
    unsent_.insert(unsent_.begin(), chunk.begin(), chunk.end());
}

protocol::Transaction SiteJob::transaction(const std::vector<std::size_t>& chunk) const {
    std::vector<mail::Recipient> recipients;
    recipients.reserve(chunk.size());
    for (const std::size_t index : chunk) {
        recipients.push_back(consignment_.recipients[index]);
    }
    protocol::Transaction transaction(consignment_.envelope, std::move(recipients));
    if (transaction.sender) {
        transaction.sender = route::with_a_labels(*transaction.sender);
    }
    return transaction;
}

void SiteJob::apply(
    const std::vector<std::size_t>& chunk,
    const protocol::TransactionResult& result,
    const std::vector<Fate>& fates
) {
    is_touched_ = true;
    is_decided_ = true;
    if (result.is_content_bad) {
        result_.content_problem = result.content_problem;
        return;
    }
    std::vector<std::size_t> settled;
    const mail::RecipientOutcome* reason = nullptr;  // to leave the host
    for (std::size_t i = 0; i < chunk.size(); ++i) {
        const mail::RecipientOutcome& outcome = result.outcomes[i];
        const bool stays_open =
            fates[i] != Fate::as_result || (outcome.kind == mail::OutcomeKind::deferred &&
                                            (result.may_try_next_host || result.is_session_stale));
        if (!stays_open) {
            result_.outcomes[chunk[i]] = outcome;
            std::erase(open_, chunk[i]);
            settled.push_back(chunk[i]);
            continue;
        }
        note(chunk[i], outcome);
        if (fates[i] == Fate::again) {
            unsent_.push_back(chunk[i]);
        } else if (reason == nullptr) {
            reason = &outcome;
        }
    }
    if (reason != nullptr) {
        was_tried_in_vain_ = true;
        for (const std::size_t index : unsent_) {
            note(index, protocol::deferred(*reason));  // it wasn't asked about these
        }
    }
    // The others may take hours: until then only this process would know.
    if (consignment_.on_settled && !settled.empty() && !open_.empty() &&
        !consignment_.on_settled(settled, result_.outcomes)) {
        note_trouble(mail::RecipientOutcome(
            mail::OutcomeKind::deferred, {4, 3, 0}, "what was delivered can't be written down"
        ));
        close_open();
        unsent_.clear();
    }
}

void SiteJob::note_content_trouble(const Error& error) {
    if (spool::is_corrupt(error)) {
        result_.content_problem = error.message();
        return;
    }
    note_trouble(mail::RecipientOutcome(
        mail::OutcomeKind::deferred, {4, 3, 0}, "the message can't be read: " + error.message()
    ));
    close_open();
}

void SiteJob::note_trouble(const mail::RecipientOutcome& outcome) {
    for (const std::size_t index : open_) {
        note(index, outcome);
    }
}

void SiteJob::note(std::size_t index, const mail::RecipientOutcome& outcome) {
    mail::RecipientOutcome& noted = result_.outcomes[index];
    if (!is_noted_[index] || noted.kind == mail::OutcomeKind::failed ||
        outcome.kind == mail::OutcomeKind::deferred) {
        noted = outcome;
    }
    is_noted_[index] = true;
}

void SiteJob::note_left_out() {
    for (const std::size_t index : open_) {
        const mail::RecipientOutcome& noted = result_.outcomes[index];
        if (hop->left_out && noted.kind == mail::OutcomeKind::failed &&
            is_before_mail(noted.step)) {
            note(index, *hop->left_out);
        }
    }
}

const mail::RecipientOutcome* SiteJob::deferral() const {
    for (const std::size_t index : open_) {
        if (result_.outcomes[index].kind == mail::OutcomeKind::deferred) {
            return &result_.outcomes[index];
        }
    }
    return nullptr;
}

void SiteJob::complete() {
    is_complete_ = true;
    completion_.cancel();
}

void SiteJob::complete_unattempted() {
    note_trouble(mail::RecipientOutcome(
        mail::OutcomeKind::deferred, {4, 3, 2}, "the engine ended before it was this message's turn"
    ));
    // Whoever was served by an earlier session must not be forgotten, or would be served again.
    result_.is_unattempted = !is_decided_;
    complete();
}

asio::awaitable<AttemptResult> SiteJob::wait() {
    while (!is_complete_) {
        co_await completion_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return std::move(result_);
}

}  // namespace mxpost::deliver
