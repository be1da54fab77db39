#include "deliver/loose_delivery.h"

#include <algorithm>

#include "base/random.h"
#include "deliver/routes.h"
#include "deliver/sites.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

/// Notes whether the one recipient of a report got it.
bool is_delivered(const spool::Claim& claim) {
    const auto& states = claim.journal().recipients;
    return std::all_of(states.begin(), states.end(), [](const spool::RecipientState& state) {
        return state.last && state.last->kind == mail::OutcomeKind::delivered;
    });
}

}  // namespace

asio::awaitable<bool> LooseDelivery::run() {
    std::optional<spool::EntryName> name;
    (void)store_.list([&](const spool::EntryName& found) { name = found; }).has_value();
    if (!name) {
        co_return false;
    }
    spool::ClaimResult claimed = store_.claim(*name);
    if (!claimed.claim) {
        services_.log.error("message without spool can't be read: " + claimed.reason);
        co_return false;
    }
    MessageDelivery delivery(services_, *this, std::move(claimed.claim), Finality::single_attempt);
    under_way_ = &delivery;
    (void)co_await delivery.run();
    under_way_ = nullptr;
    std::vector<std::unique_ptr<spool::Claim>> reports = std::move(reports_);
    for (std::unique_ptr<spool::Claim>& claim : reports) {
        const spool::MessageId id = claim->name().id;
        MessageDelivery report(services_, *this, std::move(claim), Finality::single_attempt);
        under_way_ = &report;
        (void)co_await report.run();
        under_way_ = nullptr;
        const auto about = failure_reports_.find(id);
        if (about != failure_reports_.end() && is_delivered(report.claim())) {
            store_.tell(spool::ReportRecord{
                spool::ReportKind::failure, services_.clock.now(), id, about->second});
        }
    }
    co_return true;
}

void LooseDelivery::stop() {
    if (under_way_ != nullptr) {
        under_way_->stop();
    }
    services_.routes.stop();
    services_.local_agent.stop();
    services_.sites.stop();
}

Result<std::unique_ptr<spool::Claim>> LooseDelivery::submit(
    const dsn::Report& report, const spool::MessageId& id
) {
    if (report.kind == spool::ReportKind::failure) {
        failure_reports_.emplace(id, report.recipients);
    }
    return store_.submit(
        id, report.envelope, report.header, report.body, to_seconds(services_.clock.now())
    );
}

Result<std::unique_ptr<spool::Claim>> LooseDelivery::
    submit_copy(const spool::MessageId&, const mail::Envelope&, const std::string&, const spool::BodySource&) {
    return Error::invalid("there is no queue");
}

void LooseDelivery::release(std::unique_ptr<spool::Claim> report) {
    reports_.push_back(std::move(report));
}

}  // namespace mxpost::deliver
