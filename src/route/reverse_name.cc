#include "route/reverse_name.h"

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "route/host_name.h"
#include "route/special_address.h"

namespace mxpost::route {

namespace asio = boost::asio;
namespace ip = boost::asio::ip;

namespace {

constexpr std::size_t kMaxNames = 10;  // whose addresses are looked up; as RFC 7208 4.6.4
constexpr std::chrono::seconds kMaxTime(10);
constexpr std::size_t kMaxKept = 64;  // addresses: a host has few, but may change them for years
constexpr std::chrono::hours kConfirmedFor(2);
constexpr std::chrono::minutes kUnconfirmedFor(5);
constexpr std::chrono::minutes kUnsettledFor(1);

/// Those of use in EHLO first, each kind by the alphabet: the order of records changes from answer
/// to answer, what we make of them should not.
std::vector<std::string> in_order(std::vector<std::string> names) {
    const auto rank = [](const std::string& name) {
        const bool is_valid = is_valid_helo_name(name);
        return is_valid && !is_private_name(name) ? 0 : is_valid ? 1 : 2;
    };
    std::sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
        return std::pair(rank(a), a) < std::pair(rank(b), b);
    });
    return names;
}

}  // namespace

asio::awaitable<ReverseName> look_up_reverse_name(
    ip::address source, dns::Resolver& resolver, const Clock& clock
) {
    const SteadyTime begun = clock.steady_now();
    dns::Answer<std::string> answer = co_await resolver.ptr(source);
    ReverseName result;
    result.is_settled = answer.status != dns::LookupStatus::temporary;
    const std::vector<std::string> names = in_order(std::move(answer.records));
    if (!names.empty() && is_valid_helo_name(names.front())) {
        result.host_name = names.front();
    }
    const dns::Family family = source.is_v4() ? dns::Family::ipv4 : dns::Family::ipv6;
    for (std::size_t i = 0; i < std::min(names.size(), kMaxNames); ++i) {
        if (clock.steady_now() - begun > kMaxTime) {
            result.is_settled = false;
            break;
        }
        std::string host = names[i];
        const dns::Answer<ip::address> found = co_await resolver.addresses(std::move(host), family);
        if (found.status == dns::LookupStatus::temporary) {
            result.is_settled = false;
        }
        const bool leads_back = std::ranges::any_of(found.records, [&](const ip::address& each) {
            return unmapped(each) == source;
        });
        if (leads_back) {
            result.is_confirmed = true;
            result.is_settled = true;
            result.is_host_name_confirmed = is_valid_helo_name(names[i]);
            if (result.is_host_name_confirmed) {
                result.host_name = names[i];
            }
            break;
        }
    }
    co_return result;
}

/// Shared with the completion handler of the look-up, which may come when nobody waits any more.
struct ReverseNames::Entry {
    void take(const ReverseName& found, SteadyTime now);

    ReverseName name;
    bool is_known = false;  // there was an answer once
    bool is_running = false;
    SteadyTime begun{};
    SteadyTime fresh_until{};
    std::vector<std::shared_ptr<asio::steady_timer>> waiting;  // cancelled when there is an answer
};

void ReverseNames::Entry::take(const ReverseName& found, SteadyTime now) {
    // A name server that is silent for a moment doesn't make a name wrong that led back till now.
    if (found.is_settled || !name.is_confirmed) {
        name = found;
    }
    fresh_until = now;
    fresh_until += !found.is_settled    ? SteadyTime::duration(kUnsettledFor)
                   : found.is_confirmed ? kConfirmedFor
                                        : kUnconfirmedFor;
    is_known = true;
}

std::shared_ptr<ReverseNames::Entry> ReverseNames::entry_of(const ip::address& source) {
    const auto found = entries_.find(source);
    if (found != entries_.end()) {
        return found->second;
    }
    if (entries_.size() >= kMaxKept) {
        entries_.clear();
    }
    return entries_.emplace(source, std::make_shared<Entry>()).first->second;
}

void ReverseNames::start(
    const asio::any_io_executor& executor,
    const std::shared_ptr<Entry>& entry,
    const ip::address& source
) {
    entry->is_running = true;
    entry->begun = clock_.steady_now();
    asio::co_spawn(
        executor,
        look_up_reverse_name(source, resolver_, clock_),
        [entry, &clock = clock_](const std::exception_ptr& failure, const ReverseName& name) {
            entry->take(failure ? ReverseName() : name, clock.steady_now());
            entry->is_running = false;
            for (const auto& timer : std::exchange(entry->waiting, {})) {
                timer->cancel();
            }
        }
    );
}

asio::awaitable<ReverseName> ReverseNames::find(
    ip::address source, std::chrono::milliseconds patience
) {
    const std::shared_ptr<Entry> entry = entry_of(source);
    const bool is_fresh = entry->is_known && clock_.steady_now() < entry->fresh_until;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    if (!is_fresh && !entry->is_running) {
        start(executor, entry, source);
    }
    const auto age = clock_.steady_now() - entry->begun;
    if (!entry->is_known && age < patience) {
        const auto timer = std::make_shared<asio::steady_timer>(executor, patience - age);
        entry->waiting.push_back(timer);
        co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return entry->name;
}

}  // namespace mxpost::route
