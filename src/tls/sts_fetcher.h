// StsFetcher: the policy file of one domain, over HTTPS (RFC 8461 3.3).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include "dns/resolver.h"
#include "tls/failure.h"
#include "tls/https_client.h"
#include "tls/sts_policy.h"

namespace mxpost::tls {

/// A policy, or why there is none.
struct StsFetched {
    StsFetched() = default;
    explicit StsFetched(StsPolicy policy_) : policy(std::move(policy_)) {}
    StsFetched(Failure failure_, std::string problem_)
        : failure(failure_), problem(std::move(problem_)) {}

    std::optional<StsPolicy> policy;
    Failure failure = Failure::none;  // sts_policy_fetch_error, _invalid or sts_webpki_invalid
    std::string problem;              // one sentence for people, with the domain
};

class StsFetcher {
public:
    /// References must outlive it.
    StsFetcher(dns::Resolver& resolver, HttpsAgent& https) : resolver_(resolver), https_(https) {}

    /// `domain`: A-labels, lower case. Mail waits for this: it ends after the resolver's time limit
    /// (twice) and ten seconds more.
    boost::asio::awaitable<StsFetched> fetch(std::string domain);

private:
    boost::asio::awaitable<std::vector<boost::asio::ip::address>> addresses(
        std::string host, std::string& problem
    );

    dns::Resolver& resolver_;
    HttpsAgent& https_;
};

}  // namespace mxpost::tls
