#include "deliver/domain_attempt.h"

#include <utility>
#include <variant>

#include "deliver/sites.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

std::unique_ptr<Destination> to_mx(Services& services, const Consignment& consignment) {
    return std::make_unique<MxDestination>(
        services,
        consignment.recipients.front().address.domain(),
        consignment.is_urgent,
        consignment.tls_wish
    );
}

}  // namespace

DomainAttempt::DomainAttempt(
    Services& services, std::unique_ptr<Destination> destination, Consignment consignment
)
    : services_(services),
      destination_(std::move(destination)),
      consignment_(std::move(consignment)) {}

DomainAttempt::DomainAttempt(Services& services, Consignment consignment)
    : services_(services),
      destination_(to_mx(services, consignment)),
      consignment_(std::move(consignment)) {}

/// The engine ends.
AttemptResult DomainAttempt::unattempted() const {
    AttemptResult result;
    const mail::RecipientOutcome nothing(
        mail::OutcomeKind::deferred, {4, 3, 2}, "the engine ended before it was this message's turn"
    );
    result.outcomes.assign(consignment_.recipients.size(), nothing);
    result.is_unattempted = true;
    return result;
}

asio::awaitable<std::shared_ptr<const NextHop>> DomainAttempt::find(AttemptResult& otherwise) {
    NextHopResult found = co_await destination_->find();
    if (services_.sites.is_stopping()) {
        otherwise = unattempted();
        co_return nullptr;
    }
    if (auto* const hop = std::get_if<NextHop>(&found);
        hop != nullptr && consignment_.tls_wish == TlsWish::required) {
        if (auto outcome = require_tls(*hop)) {
            found = std::move(*outcome);
        }
    }
    if (const auto* outcome = std::get_if<mail::RecipientOutcome>(&found)) {
        consignment_.dialogue.note(outcome->text);
        otherwise.outcomes.assign(consignment_.recipients.size(), *outcome);
        co_return nullptr;
    }
    co_return std::make_shared<const NextHop>(std::move(std::get<NextHop>(found)));
}

asio::awaitable<AttemptResult> DomainAttempt::run() {
    AttemptResult result;
    // A coroutine of its own: hundreds of attempts may wait for their turn in this one's frame.
    auto hop = co_await find(result);
    if (!hop) {
        co_return result;
    }
    site_ = hop->site;
    const std::shared_ptr<Site> site = services_.sites.at(*hop);
    SiteJob job(services_.executor, services_, *destination_, std::move(consignment_));
    job.hop = std::move(hop);
    site->add(job);
    result = co_await job.wait();
    reach_ = job.reach;
    co_return result;
}

}  // namespace mxpost::deliver
