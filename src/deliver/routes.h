// Routes: where mail for a domain goes, as found a moment ago: a queue of thousands of messages
// for one domain asks once, and however many domains wait, only so many are asked for at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "deliver/next_hop.h"
#include "deliver/semaphore.h"
#include "route/router.h"

namespace mxpost::deliver {

class Routes {
public:
    /// References must outlive it. `session`: for all that goes to MX hosts.
    Routes(
        boost::asio::any_io_executor executor,
        route::Router& router,
        smtp::SessionSettings session,
        const Clock& clock
    );

    /// `domain` as in mail::Address. Bounded by the router's time limit, once its turn has come.
    /// `is_urgent`: somebody asks for an attempt, so what failed a moment ago is asked again.
    boost::asio::awaitable<NextHopResult> find(std::string domain, bool is_urgent = false);
    /// The site of a domain (lower case) that was found lately; null: it isn't known.
    const std::string* known_site(const std::string& domain) const;

private:
    struct Entry {
        std::optional<NextHopResult> result;
        SteadyTime until;
        bool is_asked_for = false;
        std::vector<std::shared_ptr<boost::asio::steady_timer>> waiters;
    };
    boost::asio::awaitable<NextHopResult> ask(std::string domain);
    void make_room();

    boost::asio::any_io_executor executor_;
    route::Router& router_;
    smtp::SessionSettings session_;
    const Clock& clock_;
    Semaphore look_ups_;
    std::unordered_map<std::string, Entry> entries_;
};

}  // namespace mxpost::deliver
