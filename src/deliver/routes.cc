#include "deliver/routes.h"

#include <exception>
#include <utility>
#include <variant>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/text.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kMaxLookUps = 50;  // domains at once; each asks several questions
constexpr std::size_t kMaxEntries = 10000;
// Short beside the TTLs that the resolver's own cache goes by: this one only spares the work of
// putting its answers together.
constexpr std::chrono::seconds kFoundFor{60};
constexpr std::chrono::seconds kFailedFor{10};

SteadyTime::duration keep_for(const NextHopResult& result) {
    return std::holds_alternative<NextHop>(result) ? kFoundFor : kFailedFor;
}

}  // namespace

Routes::Routes(
    asio::any_io_executor executor,
    route::Router& router,
    smtp::SessionSettings session,
    const Clock& clock
)
    : executor_(executor),
      router_(router),
      session_(std::move(session)),
      clock_(clock),
      look_ups_(std::move(executor), kMaxLookUps) {}

asio::awaitable<NextHopResult> Routes::find(std::string domain, bool is_urgent) {
    const std::string key = ascii_lower(domain);
    for (;;) {
        Entry& entry = entries_[key];
        const bool is_good =
            entry.result && (!is_urgent || std::holds_alternative<NextHop>(*entry.result));
        if (is_good && clock_.steady_now() < entry.until) {
            co_return *entry.result;
        }
        if (!entry.is_asked_for) {
            break;
        }
        auto waiter =
            std::make_shared<asio::steady_timer>(executor_, asio::steady_timer::time_point::max());
        entry.waiters.push_back(waiter);
        co_await waiter->async_wait(asio::as_tuple(asio::use_awaitable));
    }
    entries_[key].is_asked_for = true;
    NextHopResult result;
    std::exception_ptr error;
    try {
        result = co_await ask(std::move(domain));
    } catch (...) {
        error = std::current_exception();
    }
    // An entry that is asked for stays.
    Entry& entry = entries_[key];
    entry.is_asked_for = false;
    for (const auto& waiter : std::exchange(entry.waiters, {})) {
        waiter->cancel();
    }
    if (error) {
        std::rethrow_exception(error);
    }
    entry.result = result;
    entry.until = clock_.steady_now() + keep_for(result);
    make_room();
    co_return result;
}

asio::awaitable<NextHopResult> Routes::ask(std::string domain) {
    const Semaphore::Permit permit = co_await look_ups_.acquire();
    const route::RouteResult routed = co_await router_.route(std::move(domain));
    if (const auto* outcome = std::get_if<mail::RecipientOutcome>(&routed)) {
        co_return *outcome;
    }
    const auto& route = std::get<route::Route>(routed);
    NextHop hop;
    hop.site = route.site;
    hop.session = session_;
    for (const route::MxHost& host : route.hosts) {
        for (const asio::ip::address& address : host.addresses) {
            hop.peers.emplace_back(host.name, address).preference = host.preference;
        }
    }
    co_return hop;
}

const std::string* Routes::known_site(const std::string& domain) const {
    const auto found = entries_.find(domain);
    if (found == entries_.end() || !found->second.result) {
        return nullptr;
    }
    const auto* hop = std::get_if<NextHop>(&*found->second.result);
    return hop == nullptr ? nullptr : &hop->site;
}

void Routes::make_room() {
    if (entries_.size() > kMaxEntries) {  // seldom, and all of it is soon found again
        std::erase_if(entries_, [](const auto& entry) { return !entry.second.is_asked_for; });
    }
}

}  // namespace mxpost::deliver
