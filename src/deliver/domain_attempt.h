// DomainAttempt: one attempt to deliver one message to those of its recipients that have one
// destination: a domain's hosts, most often.
//
//     next hop → site → an outcome for each recipient
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "deliver/next_hop.h"
#include "deliver/services.h"
#include "deliver/site_job.h"

namespace mxpost::deliver {

class DomainAttempt {
public:
    /// References in `consignment` must outlive run().
    DomainAttempt(
        Services& services, std::unique_ptr<Destination> destination, Consignment consignment
    );
    /// To the MX hosts of the recipients' domain.
    DomainAttempt(Services& services, Consignment consignment);

    /// Ends within a bounded time of the site's turn; the outcomes are complete.
    boost::asio::awaitable<AttemptResult> run();

    // After run().
    Reach reach() const { return reach_; }
    /// See NextHop; empty where none was found.
    const std::string& site() const { return site_; }

private:
    /// Null: there is none, and `otherwise` is the result.
    boost::asio::awaitable<std::shared_ptr<const NextHop>> find(AttemptResult& otherwise);
    AttemptResult unattempted() const;

    Services& services_;
    std::unique_ptr<Destination> destination_;
    Consignment consignment_;
    std::string site_;
    Reach reach_ = Reach::untried;
};

}  // namespace mxpost::deliver
