// LooseDelivery: delivers the one message of a LooseStore while its submitter waits, and at once
// the reports that become due: bounces when only some recipients got it, and of success.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "deliver/message_delivery.h"
#include "spool/loose_store.h"

namespace mxpost::deliver {

class LooseDelivery final : public Outbox {
public:
    LooseDelivery(Services& services, spool::LooseStore& store)
        : services_(services), store_(store) {}

    /// Ends when every outcome is reported. False when there was no readable message.
    boost::asio::awaitable<bool> run();
    /// What hasn't begun isn't any more; run() ends soon.
    void stop();

    // Outbox
    Result<std::unique_ptr<spool::Claim>> submit(
        const dsn::Report& report, const spool::MessageId& id
    ) override;
    void release(std::unique_ptr<spool::Claim> report) override;
    /// Never asked for: what goes on goes at once.
    Result<std::unique_ptr<spool::Claim>> submit_copy(
        const spool::MessageId& id,
        const mail::Envelope& envelope,
        const std::string& header,
        const spool::BodySource& body
    ) override;
    bool has(const spool::MessageId&) override { return false; }
    bool has_copy(const spool::MessageId&, uid_t) override { return false; }

private:
    Services& services_;
    spool::LooseStore& store_;
    MessageDelivery* under_way_ = nullptr;
    std::vector<std::unique_ptr<spool::Claim>> reports_;
    /// Of them, those of failures, and whom they name: a success says nothing of the others.
    std::map<spool::MessageId, std::vector<std::uint32_t>> failure_reports_;
};

}  // namespace mxpost::deliver
