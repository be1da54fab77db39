// LocalAgent: who delivers to mailboxes of this host for an engine. The engine has no rights over
// them; the local helper does (local/helper.h, design 4).
#pragma once

#include <boost/asio/awaitable.hpp>

#include "local/request.h"

namespace mxpost::deliver {

class LocalAgent {
public:
    virtual ~LocalAgent() = default;
    /// Ends within a bounded time and doesn't throw; where no helper answers the outcome is
    /// deferred and says why. May be called many times at once. The agent must outlive the call.
    virtual boost::asio::awaitable<local::Answer> deliver(local::Request request) = 0;
    /// The engine ends: what hasn't begun by now isn't any more, and its outcome is_untried.
    virtual void stop() {}
};

/// For an engine that can't reach the helper: on-demand engines, which run as the submitter.
class NoLocalAgent final : public LocalAgent {
public:
    boost::asio::awaitable<local::Answer> deliver(local::Request request) override;
};

}  // namespace mxpost::deliver
