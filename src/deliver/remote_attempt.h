// One attempt for recipients elsewhere: straight to their domain's MX, or through the relay.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "deliver/domain_attempt.h"
#include "deliver/relay.h"

namespace mxpost::deliver {

/// `direct`: all recipients have one domain; where port 25 turns out to be blocked and the settings
/// say so, the relay gets them in the same attempt. An outcome for each, in order. Ends within a
/// bounded time. References must outlive it.
boost::asio::awaitable<AttemptResult> attempt_remote(
    Services& services, Way way, Consignment consignment
);

}  // namespace mxpost::deliver
