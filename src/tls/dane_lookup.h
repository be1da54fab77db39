// Asks the DNS for the TLSA records of a domain's mail servers (RFC 7672 2.2).
#pragma once

#include <vector>

#include <boost/asio/awaitable.hpp>

#include "dns/resolver.h"
#include "tls/dane.h"

namespace mxpost::tls {

/// One verdict for each of `domain.hosts`, in their order; the hosts are asked about side by side.
/// Asks nothing where DNSSEC doesn't cover what leads to a host, so costs nothing where no resolver
/// is trusted to validate. Bounded by three times the resolver's time limit. `resolver` must
/// outlive the look-ups, which may go on when the one who waits is cancelled; that ends by an
/// exception.
boost::asio::awaitable<std::vector<DaneVerdict>> look_up_dane(
    dns::Resolver& resolver, DaneDomain domain
);

}  // namespace mxpost::tls
