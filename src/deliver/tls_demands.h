// What the MTA-STS policy of the recipients' domain (RFC 8461) asks of the hosts that take its
// mail.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "deliver/next_hop.h"
#include "mail/outcome.h"
#include "tls/report_log.h"
#include "tls/sts_cache.h"

namespace mxpost::deliver {

/// A question to the cache that is under way while its asker looks for the hosts.
class StsQuestion {
public:
    /// Begins. `domain` as in mail::Address. Without `cache`, or where no domain can have a policy
    /// (an address literal), nobody is asked. `cache` must outlive what it began.
    StsQuestion(
        const boost::asio::any_io_executor& executor,
        tls::StsCache* cache,
        const std::string& domain
    );
    /// Once. An answer that can't be had is none.
    boost::asio::awaitable<tls::StsVerdict> answer();

private:
    struct State;
    std::shared_ptr<State> state_;  // null: nobody was asked
};

/// Gives each peer of `hop` that has no demand yet (DANE comes first, RFC 8461 2, and what is
/// configured) the one of the policy of `domain`, and its policy for reports. Under `enforce` those
/// that the policy doesn't name are taken out (see NextHop::left_out), which `reports` (may be
/// null) is told, and the others make a site of their own; the outcome is a deferral because none
/// is left.
std::optional<mail::RecipientOutcome> demand_sts(
    NextHop& hop,
    const std::string& domain,
    const tls::StsVerdict& verdict,
    tls::ReportLog* reports = nullptr
);

}  // namespace mxpost::deliver
