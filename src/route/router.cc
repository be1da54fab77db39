#include "route/router.h"

#include <algorithm>
#include <exception>
#include <map>
#include <memory>
#include <utility>

#include <boost/asio.hpp>

#include "base/text.h"
#include "route/domain_name.h"
#include "route/special_address.h"

namespace mxpost::route {

namespace asio = boost::asio;
using asio::ip::address;
using dns::Answer;
using dns::Family;
using dns::LookupStatus;
using mail::EnhancedStatus;
using mail::OutcomeKind;
using mail::RecipientOutcome;

/// One host and what the DNS says of it.
struct Router::HostLookup {
    explicit HostLookup(MxHost host_) : host(std::move(host_)) {}

    MxHost host;
    std::vector<address> ipv4;
    std::vector<address> ipv6;
    std::vector<address> passed_over;  // of these, what AddressFamily::automatic leaves out
    std::string problem;               // why we don't know all of it: ask again later
    std::string refusal;               // an address that must not be used, and why
    bool is_insecure = false;          // an answer that DNSSEC doesn't cover
};

/// The look-ups of one route, which run side by side. Shared with their completion handlers, which
/// may come when nobody waits any more.
struct Router::Lookups {
    explicit Lookups(const asio::any_io_executor& executor)
        : done(executor, asio::steady_timer::time_point::max()) {}

    void add(std::size_t index, Family family, const Answer<address>& answer);

    std::vector<HostLookup> hosts;
    std::size_t pending = 0;
    asio::steady_timer done;  // never expires: cancelled after the last one
    std::exception_ptr bug;
};

namespace {

RecipientOutcome outcome(OutcomeKind kind, EnhancedStatus status, std::string_view text) {
    return {kind, status, printable(text, mail::kMaxOutcomeText - 3)};  // room for the "..."
}

RecipientOutcome failed(EnhancedStatus status, std::string_view text) {
    return outcome(OutcomeKind::failed, status, text);
}

RecipientOutcome deferred(EnhancedStatus status, std::string_view text) {
    return outcome(OutcomeKind::deferred, status, text);
}

// RFC 3463 3.5, and RFC 7505 4.2 for the last.
constexpr EnhancedStatus kBadDomain{5, 1, 2};
constexpr EnhancedStatus kNoAddress{5, 4, 4};
constexpr EnhancedStatus kNoAddressYet{4, 4, 4};
constexpr EnhancedStatus kLoop{5, 4, 6};
constexpr EnhancedStatus kDnsFailure{4, 4, 3};
constexpr EnhancedStatus kNullMx{5, 1, 10};

RecipientOutcome null_mx_outcome(const std::string& domain) {
    return failed(kNullMx, domain + " accepts no mail: its only MX record is a null MX (RFC 7505)");
}

RecipientOutcome mx_failure(const std::string& domain, const Answer<dns::MxRecord>& mx) {
    if (mx.status == LookupStatus::nx_domain) {
        return failed(kBadDomain, "host or domain name not found: " + domain + " does not exist");
    }
    return deferred(
        kDnsFailure, "the mail servers of " + domain + " can't be looked up now: " + mx.reason
    );
}

/// One entry a name, with its best preference; the root (RFC 7505 3: not a host) left out.
std::vector<MxHost> hosts_of(const std::vector<dns::MxRecord>& records) {
    std::map<std::string, std::uint16_t> best;
    for (const dns::MxRecord& record : records) {
        if (!record.exchange.empty()) {
            const auto [entry, is_new] = best.emplace(record.exchange, record.preference);
            entry->second = std::min(entry->second, record.preference);
        }
    }
    std::vector<MxHost> hosts;
    for (const auto& [name, preference] : best) {
        hosts.emplace_back(name, preference);
    }
    return hosts;
}

/// `hosts` by name, as hosts_of() gives them. Where the names are too many or too long to be kept,
/// the domain shares its sessions with nobody.
std::string site_of(const std::string& domain, const std::vector<MxHost>& hosts) {
    std::string site;
    for (const MxHost& host : hosts) {
        site += (site.empty() ? "" : ",") + host.name;
        if (site.size() > kMaxSiteName) {
            return "@" + domain;  // no host has such a name
        }
    }
    return site;
}

/// Moves what must not be connected to out of `addresses`.
void refuse_unusable(
    std::vector<address>& addresses, std::string& refusal, const std::string& host
) {
    std::vector<address> usable;
    for (const address& candidate : addresses) {
        const std::string_view why = why_unusable(candidate);
        if (why.empty()) {
            usable.push_back(candidate);
        } else {
            refusal = host + " has the address " + candidate.to_string() + ", " + std::string(why);
        }
    }
    addresses = std::move(usable);
}

std::string_view family_note(AddressFamily family) {
    switch (family) {
        case AddressFamily::ipv4:
            return " (only IPv4 is allowed here)";
        case AddressFamily::ipv6:
            return " (only IPv6 is allowed here)";
        default:
            return "";
    }
}

}  // namespace

void Router::Lookups::add(std::size_t index, Family family, const Answer<address>& answer) {
    HostLookup& host = hosts[index];
    if (answer.status == LookupStatus::temporary) {
        host.problem = host.host.name + " can't be looked up now: " + answer.reason;
    } else {
        host.is_insecure = host.is_insecure || !answer.is_secure;
        if (host.host.canonical_name.empty()) {
            host.host.canonical_name = answer.name;
        }
    }
    auto& addresses = family == Family::ipv4 ? host.ipv4 : host.ipv6;
    for (const address& found : answer.records) {
        addresses.push_back(unmapped(found));
    }
}

Router::Router(
    dns::Resolver& resolver,
    Random& random,
    RouterSettings settings,
    std::function<bool(const address&)> is_own_address
)
    : resolver_(resolver),
      random_(random),
      settings_(std::move(settings)),
      is_own_address_(std::move(is_own_address)) {}

asio::awaitable<RouteResult> Router::route(std::string domain) {
    if (is_address_literal(domain)) {
        co_return route_to_literal(domain);
    }
    const Result<std::string> name = to_a_labels(domain);
    if (!name) {
        co_return failed(kBadDomain, name.error().message());
    }
    const Answer<dns::MxRecord> mx = co_await resolver_.mx(*name);
    if (mx.status == LookupStatus::temporary || mx.status == LookupStatus::nx_domain) {
        co_return mx_failure(*name, mx);
    }
    std::vector<MxHost> hosts = hosts_of(mx.records);
    if (mx.status == LookupStatus::ok && hosts.empty()) {
        co_return null_mx_outcome(*name);
    }
    if (mx.status == LookupStatus::no_data) {
        hosts.emplace_back(*name, std::uint16_t{0});  // RFC 5321 5.1: the implicit MX
    }
    Route route;
    route.domain = *name;
    route.canonical_domain = mx.name;
    route.site = site_of(*name, hosts);
    route.is_secure = mx.is_secure;
    hosts = in_order(std::move(hosts));
    if (hosts.empty()) {
        co_return failed(kLoop, "mail for " + *name + " loops back to this host, its best MX");
    }
    const bool is_complete = hosts.size() <= kMaxHosts;
    hosts.resize(std::min(hosts.size(), kMaxHosts));
    std::vector<HostLookup> lookups = co_await look_up(std::move(hosts));
    co_await pass_over_ipv6(lookups);
    co_return assemble(std::move(route), std::move(lookups), is_complete);
}

bool Router::is_own_literal(std::string_view domain) const {
    const auto parsed = parse_address_literal(domain);
    if (!parsed) {
        return false;
    }
    const address target = unmapped(*parsed);
    return target.is_loopback() || is_own_address_(target);
}

RouteResult Router::route_to_literal(const std::string& domain) const {
    const auto parsed = parse_address_literal(domain);
    if (!parsed) {
        return failed(kBadDomain, domain + " is not an address literal that mail can be sent to");
    }
    const address target = unmapped(*parsed);
    if (const std::string_view why = why_unusable(target); !why.empty()) {
        return failed(kLoop, domain + " is " + std::string(why) + ": mail is never sent there");
    }
    if (is_own_address_(target)) {
        return failed(kLoop, "mail for " + domain + " loops back to this host");
    }
    const AddressFamily forbidding = target.is_v4() ? AddressFamily::ipv6 : AddressFamily::ipv4;
    if (settings_.family == forbidding) {
        return failed(
            kNoAddress, domain + " can't be reached" + std::string(family_note(settings_.family))
        );
    }
    Route route;
    route.domain = address_literal(target);
    route.site = route.domain;
    route.hosts.emplace_back(route.domain, std::uint16_t{0});
    route.hosts.front().addresses.push_back(target);
    return route;
}

std::vector<MxHost> Router::in_order(std::vector<MxHost> hosts) {
    // RFC 5321 5.1: spread the load over those of one preference.
    shuffle(hosts);
    std::stable_sort(hosts.begin(), hosts.end(), [](const MxHost& a, const MxHost& b) {
        return a.preference < b.preference;
    });
    const auto ourselves = std::find_if(hosts.begin(), hosts.end(), [this](const MxHost& host) {
        return settings_.own_names.contains(host.name);
    });
    if (ourselves != hosts.end()) {
        const std::uint16_t limit = ourselves->preference;
        std::erase_if(hosts, [limit](const MxHost& host) { return host.preference >= limit; });
    }
    return hosts;
}

asio::awaitable<std::vector<Router::HostLookup>> Router::look_up(std::vector<MxHost> hosts) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto lookups = std::make_shared<Lookups>(executor);
    for (MxHost& host : hosts) {
        lookups->hosts.emplace_back(std::move(host));
    }
    const auto start = [&](std::size_t index, Family family) {
        ++lookups->pending;
        asio::co_spawn(
            executor,
            resolver_.addresses(lookups->hosts[index].host.name, family),
            [lookups, index, family](std::exception_ptr failure, const Answer<address>& answer) {
                if (failure) {
                    lookups->bug = std::move(failure);
                } else {
                    lookups->add(index, family, answer);
                }
                if (--lookups->pending == 0) {
                    lookups->done.cancel();
                }
            }
        );
    };
    for (std::size_t i = 0; i < lookups->hosts.size(); ++i) {
        if (settings_.family != AddressFamily::ipv6) {
            start(i, Family::ipv4);
        }
        if (settings_.family != AddressFamily::ipv4) {
            start(i, Family::ipv6);
        }
    }
    while (lookups->pending > 0) {
        co_await lookups->done.async_wait(asio::as_tuple(asio::use_awaitable));
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) {
            throw boost::system::system_error(asio::error::operation_aborted);
        }
    }
    if (lookups->bug) {
        std::rethrow_exception(lookups->bug);
    }
    co_return std::move(lookups->hosts);
}

/// AddressFamily::automatic: mail over IPv6 from an address without a name is refused by many, so
/// it isn't tried where IPv4 leads to the same host.
asio::awaitable<void> Router::pass_over_ipv6(std::vector<HostLookup>& lookups) {
    SourceCheck* const check = settings_.source_check;
    if (settings_.family != AddressFamily::automatic || check == nullptr) {
        co_return;
    }
    for (HostLookup& lookup : lookups) {
        if (lookup.ipv6.empty()) {
            continue;
        }
        const auto ipv4 = std::ranges::find_if(lookup.ipv4, [](const address& each) {
            return why_unusable(each).empty();
        });
        const bool is_known = ipv4 != lookup.ipv4.end();
        if (is_known ? !check->has_way_to(*ipv4) : lookup.problem.empty()) {
            continue;  // IPv6 is the only way
        }
        for (const address& each : lookup.ipv6) {
            const bool is_liked = co_await check->is_confirmed_to(each);
            if (!is_liked) {
                lookup.passed_over.push_back(each);
            }
        }
    }
}

RouteResult Router::assemble(Route route, std::vector<HostLookup> lookups, bool is_complete) {
    if (!drop_ourselves(lookups)) {
        return failed(kLoop, "mail for " + route.domain + " loops back to this host, its best MX");
    }
    std::string refusal;
    std::size_t room = kMaxAddresses;
    for (HostLookup& lookup : lookups) {
        refuse_unusable(lookup.ipv4, lookup.refusal, lookup.host.name);
        refuse_unusable(lookup.ipv6, lookup.refusal, lookup.host.name);
        order_addresses(lookup);
        // IPv6 addresses alone are no reason to take it for known.
        if (!lookup.problem.empty() && lookup.ipv4.empty()) {
            route.problem = printable(lookup.problem, mail::kMaxOutcomeText - 3);
        }
        refusal = lookup.refusal.empty() ? refusal : lookup.refusal;
        auto& addresses = lookup.host.addresses;
        addresses.resize(std::min(addresses.size(), room));
        room -= addresses.size();
        if (!addresses.empty()) {
            lookup.host.is_secure = !lookup.is_insecure;
            route.hosts.push_back(std::move(lookup.host));
        }
    }
    if (!route.hosts.empty()) {
        return route;
    }
    if (!route.problem.empty()) {
        return deferred(kDnsFailure, route.problem);
    }
    if (!is_complete) {
        return deferred(
            kNoAddressYet,
            "the first mail servers of " + route.domain + " have no address; others will be tried"
        );
    }
    if (!refusal.empty()) {
        return failed(kLoop, refusal + ": mail for " + route.domain + " can't be sent there");
    }
    return failed(
        kNoAddress,
        "no mail server of " + route.domain + " has an address" +
            std::string(family_note(settings_.family))
    );
}

bool Router::drop_ourselves(std::vector<HostLookup>& lookups) const {
    const auto is_ours = [this](const HostLookup& lookup) {
        return std::any_of(lookup.ipv4.begin(), lookup.ipv4.end(), is_own_address_) ||
               std::any_of(lookup.ipv6.begin(), lookup.ipv6.end(), is_own_address_);
    };
    const auto ourselves = std::find_if(lookups.begin(), lookups.end(), is_ours);
    if (ourselves == lookups.end()) {
        return true;
    }
    const std::uint16_t limit = ourselves->host.preference;
    std::erase_if(lookups, [limit](const HostLookup& lookup) {
        return lookup.host.preference >= limit;
    });
    return !lookups.empty();
}

void Router::order_addresses(HostLookup& lookup) {
    if (settings_.family == AddressFamily::automatic && settings_.source_check == nullptr &&
        lookup.ipv4.empty() && !lookup.problem.empty()) {
        return;  // there may be an IPv4 address: IPv6 alone must not decide a bounce
    }
    std::erase_if(lookup.ipv6, [&](const address& each) {
        return std::ranges::find(lookup.passed_over, each) != lookup.passed_over.end();
    });
    shuffle(lookup.ipv4);
    shuffle(lookup.ipv6);
    const bool is_ipv6_first = settings_.family == AddressFamily::prefer_ipv6;
    const auto& first = is_ipv6_first ? lookup.ipv6 : lookup.ipv4;
    const auto& second = is_ipv6_first ? lookup.ipv4 : lookup.ipv6;
    auto& addresses = lookup.host.addresses;
    addresses = first;
    addresses.insert(addresses.end(), second.begin(), second.end());
}

template <class T>
void Router::shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) {
        std::swap(items[i - 1], items[random_.below(i)]);
    }
}

}  // namespace mxpost::route
