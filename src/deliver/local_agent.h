// LocalAgent: who delivers to mailboxes of this host for an engine. The engine has no rights over
// them; the local helper does (local/helper.h, design 4).
#pragma once

#include <functional>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "local/request.h"

namespace mxpost::deliver {

/// Makes the request when it is its turn: what waits must not hold a copy of its message.
using RequestMaker = std::function<Result<local::Request>()>;

class LocalAgent {
public:
    virtual ~LocalAgent() = default;
    /// `name`: the user or alias of the request, whose turn it is to be. Calls `make` once at most,
    /// not after stop(). Ends within a bounded time and doesn't throw; where no request can be made
    /// or no helper answers the outcome is deferred and says why. May be called many times at once.
    /// The agent, and what `make` refers to, must outlive the call.
    virtual boost::asio::awaitable<local::Answer> deliver(std::string name, RequestMaker make) = 0;
    /// The engine ends: what hasn't begun by now isn't any more, and its outcome is_untried.
    virtual void stop() {}
};

/// For an engine that can't reach the helper: on-demand engines, which run as the submitter.
class NoLocalAgent final : public LocalAgent {
public:
    boost::asio::awaitable<local::Answer> deliver(std::string name, RequestMaker make) override;
};

}  // namespace mxpost::deliver
