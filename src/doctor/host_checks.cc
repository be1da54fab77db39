#include "doctor/host_checks.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "diagnose/port_25.h"
#include "dns/validating_resolver.h"
#include "doctor/together.h"
#include "route/domain_name.h"
#include "route/sender_domain.h"

namespace mxpost::doctor {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kSlowAnswer{2};
constexpr std::chrono::seconds kPatience{8};
constexpr std::chrono::minutes kMaxClockError{5};

std::string in_milliseconds(SteadyTime::duration time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) +
           " ms";
}

/// The octets, or for IPv6 the nibbles, backwards with dots.
std::string backwards(const asio::ip::address& address) {
    std::string name;
    if (address.is_v4()) {
        for (const unsigned octet : address.to_v4().to_bytes()) {
            name = std::to_string(octet) + (name.empty() ? "" : ".") + name;
        }
        return name;
    }
    for (const unsigned octet : address.to_v6().to_bytes()) {
        for (const unsigned nibble : {octet / 16, octet % 16}) {
            name = std::string(1, "0123456789abcdef"[nibble]) + (name.empty() ? "" : ".") + name;
        }
    }
    return name;
}

const char* address_type(const asio::ip::address& address) {
    return address.is_v4() ? "A" : "AAAA";
}

/// What a good PTR record of ours would say; empty: this host has no name for it.
std::string wished_name(const Context& context) {
    for (const std::string& name : {context.settings.helo_name, context.full_name}) {
        if (route::is_valid_helo_name(name) && !route::is_private_name(name)) {
            return name;
        }
    }
    return {};
}

Finding without_ptr(const Context& context, const asio::ip::address& visible, bool is_needed) {
    const std::string text = visible.to_string();
    Finding finding(
        "ptr",
        text,
        is_needed ? Level::problem : Level::warning,
        is_needed ? "it has no PTR record, and many servers refuse mail from such addresses"
                  : "it has no PTR record, so mail leaves over IPv4 only"
    );
    const std::string name = wished_name(context);
    if (!name.empty()) {
        finding.with(Remedy::record(reverse_zone_name(visible), "PTR", name + "."));
        finding.with(Remedy::record(name, address_type(visible), text));
    }
    finding.with(Remedy::advice(
        "The PTR record of " + text + " is set by whoever gave you the address (\"reverse DNS\")"
    ));
    return finding;
}

Finding unconfirmed(const asio::ip::address& visible, const std::string& name, bool is_needed) {
    Finding finding(
        "ptr",
        visible.to_string(),
        is_needed ? Level::problem : Level::warning,
        "its PTR record says " + name + ", but " + name + " has no " + address_type(visible) +
            " record that leads back to it"
    );
    finding.with(Remedy::record(name, address_type(visible), visible.to_string()));
    return finding;
}

asio::awaitable<Findings> check_helo(Context& context, OwnAddress address, route::ReverseName ptr) {
    Findings findings;
    const std::string name = co_await context.helo_name.find(address.local);
    if (route::is_address_literal(name)) {
        co_return findings;  // for lack of a PTR record, which has been said
    }
    const bool is_configured = name == context.settings.helo_name;
    const bool is_own = is_configured || name == context.full_name;
    if (!is_own) {
        if (ptr.is_host_name_confirmed) {
            Finding finding(
                "helo",
                address.local.to_string(),
                Level::warning,
                "this host is called \"" + context.node_name +
                    "\", which is no full name; HELO says " + name + " instead"
            );
            findings.push_back(finding.with(Remedy::setting("helo-name", name)));
        }
        co_return findings;
    }
    const auto visible = *address.visible;
    const auto family = visible.is_v4() ? dns::Family::ipv4 : dns::Family::ipv6;
    const auto other = visible.is_v4() ? dns::Family::ipv6 : dns::Family::ipv4;
    const auto own = co_await context.resolver.addresses(name, family);
    if (own.status == dns::LookupStatus::temporary) {
        co_return findings;  // the resolver's own finding says it
    }
    const auto others = co_await context.resolver.addresses(name, other);
    if (own.records.empty() && others.records.empty()) {
        Finding finding(
            "helo", name, Level::problem, "HELO says this name, which the DNS doesn't know"
        );
        findings.push_back(
            finding.with(Remedy::record(name, address_type(visible), visible.to_string()))
        );
    } else {
        findings.emplace_back("helo", name, Level::ok, "HELO says this name, which the DNS knows");
    }
    co_return findings;
}

struct Listing {
    Listing() = default;

    asio::ip::address address;
    std::string list;
    dns::Answer<asio::ip::address> answer;
    std::string reason;
};

asio::awaitable<Listing> look_up_listing(
    Context& context, asio::ip::address address, std::string list
) {
    Listing listing;
    listing.address = address;
    listing.list = list;
    const std::string name = backwards(address) + "." + list;
    listing.answer = co_await context.resolver.addresses(name, dns::Family::ipv4);
    if (!listing.answer.records.empty()) {
        const auto texts = co_await context.resolver.txt(name);
        listing.reason = texts.records.empty() ? "" : texts.records.front().text;
    }
    co_return listing;
}

/// The setting alone would keep every engine from starting where the root's key isn't there.
void offer_validation(const Context& context, Finding& finding) {
    if (!dns::check_trust_anchor(context.settings.trust_anchor)) {
        finding.with(Remedy::command("apt-get install dns-root-data"));
    }
    finding.with(Remedy::setting("resolver", "validating"));
}

bool is_within(const asio::ip::address& address, unsigned a, unsigned b, unsigned c) {
    const auto octets = address.to_v4().to_bytes();
    return octets[0] == a && octets[1] == b && octets[2] == c;
}

}  // namespace

std::string reverse_zone_name(const asio::ip::address& address) {
    return backwards(address) + (address.is_v4() ? ".in-addr.arpa" : ".ip6.arpa");
}

asio::awaitable<Findings> check_resolver(Context& context, std::string domain) {
    Findings findings;
    const SteadyTime begin = context.clock.steady_now();
    // A top-level domain that is always there, and signed as the root is.
    const auto arpa = co_await context.resolver.txt("arpa");
    const auto time = context.clock.steady_now() - begin;
    std::string problem = arpa.status == dns::LookupStatus::temporary ? arpa.reason : "";
    if (!problem.empty()) {
        const auto mx = co_await context.resolver.mx(std::move(domain));
        problem = mx.status == dns::LookupStatus::temporary ? mx.reason : "";
    }
    if (!problem.empty()) {
        Finding finding(
            "resolver", "", Level::problem, "the name server doesn't answer: " + problem
        );
        findings.push_back(finding.with(Remedy::advice(
            "Name a server that answers in /etc/resolv.conf (\"nameserver ADDRESS\"): nothing can "
            "be delivered without one"
        )));
        co_return findings;
    }
    if (time > kSlowAnswer) {
        Finding finding(
            "resolver",
            "",
            Level::warning,
            "the name server takes " + in_milliseconds(time) + " for an answer"
        );
        findings.push_back(finding.with(Remedy::advice(
            "Put a nearer or faster server first in /etc/resolv.conf, or run a caching one here"
        )));
    } else {
        findings.emplace_back(
            "resolver", "", Level::ok, "the name server answers in " + in_milliseconds(time)
        );
    }
    if (!context.why_dane_is_off.empty()) {
        Finding finding("dnssec", "", Level::warning, context.why_dane_is_off);
        offer_validation(context, finding);
        findings.push_back(std::move(finding));
    } else if (context.settings.dane && !arpa.is_secure && arpa.status != dns::LookupStatus::temporary) {
        Finding finding(
            "dnssec",
            "",
            Level::warning,
            "the name server is trusted to check DNSSEC, but doesn't say that it did, so DANE is "
            "off"
        );
        offer_validation(context, finding);
        findings.push_back(std::move(finding));
    } else if (context.settings.dane) {
        findings.emplace_back("dnssec", "", Level::ok, "DNSSEC is checked, DANE works");
    }
    co_return findings;
}

asio::awaitable<Findings> check_address(Context& context, OwnAddress address, bool needs_ipv6) {
    Findings findings;
    if (!address.visible) {
        findings.emplace_back(
            "address",
            address.local.to_string(),
            Level::warning,
            "a private address: others see another one, and no server has said which"
        );
        co_return findings;
    }
    const auto visible = *address.visible;
    if (visible != address.local) {
        findings.emplace_back(
            "address",
            address.local.to_string(),
            Level::ok,
            "others see " + visible.to_string() + " instead (NAT)"
        );
    }
    const route::ReverseName ptr = co_await context.reverse_names.find(visible, kPatience);
    const bool is_needed = visible.is_v4() || needs_ipv6;
    if (!ptr.is_settled) {
        findings.emplace_back(
            "ptr", visible.to_string(), Level::warning, "its PTR record can't be looked up"
        );
    } else if (ptr.host_name.empty()) {
        findings.push_back(without_ptr(context, visible, is_needed));
        co_return findings;
    } else if (!ptr.is_confirmed) {
        findings.push_back(unconfirmed(visible, ptr.host_name, is_needed));
    } else {
        findings.emplace_back(
            "ptr", visible.to_string(), Level::ok, "it is " + ptr.host_name + ", forwards and back"
        );
    }
    Findings helo = co_await check_helo(context, address, ptr);
    findings.insert(findings.end(), helo.begin(), helo.end());
    co_return findings;
}

asio::awaitable<Findings> check_block_lists(
    Context& context, std::vector<asio::ip::address> addresses
) {
    Findings findings;
    std::vector<asio::awaitable<Listing>> tasks;
    for (const asio::ip::address& address : addresses) {
        for (const std::string& list : context.settings.doctor_block_lists) {
            tasks.push_back(look_up_listing(context, address, list));
        }
    }
    const std::vector<Listing> listings = co_await all_of(context.executor, std::move(tasks));
    std::set<std::string> refusing;
    for (const Listing& listing : listings) {
        if (listing.answer.status == dns::LookupStatus::temporary) {
            refusing.insert(listing.list);
        }
        for (const asio::ip::address& code : listing.answer.records) {
            // Spamhaus and others: 127.255.255.0/24 is about the question, not the address.
            if (is_within(code, 127, 255, 255)) {
                refusing.insert(listing.list);
            } else if (code.to_v4().to_bytes()[0] == 127) {
                Finding finding(
                    "block-list",
                    listing.address.to_string(),
                    Level::problem,
                    "it is on the block list " + listing.list +
                        (listing.reason.empty() ? "" : ": " + listing.reason)
                );
                findings.push_back(finding.with(Remedy::advice(
                    "Find out why, mend that, then ask " + listing.list +
                    " to take the address off; a list of dynamic addresses means that mail has to "
                    "go through your provider's server (\"relay\")"
                )));
                break;
            }
        }
    }
    for (const std::string& list : refusing) {
        findings.emplace_back(
            "block-list",
            list,
            Level::ok,
            "it doesn't answer this name server (a public one, or too many questions): not checked"
        );
    }
    if (findings.empty() && !listings.empty()) {
        findings.emplace_back(
            "block-list",
            "",
            Level::ok,
            "on none of " + std::to_string(context.settings.doctor_block_lists.size()) +
                " block lists"
        );
    }
    co_return findings;
}

Findings judge_way_out(const std::vector<Probe>& probes, const config::Settings& settings) {
    Findings findings;
    std::size_t connected = 0;
    std::size_t silent = 0;
    std::size_t refused = 0;
    std::set<std::string> hosts;
    for (const Probe& probe : probes) {
        if (!probe.has_route) {
            continue;
        }
        hosts.insert(probe.peer.host);
        connected += probe.is_connected ? 1U : 0U;
        silent += probe.is_silent() ? 1U : 0U;
        refused += probe.is_refused() ? 1U : 0U;
    }
    const std::size_t tried = connected + silent + refused;
    if (probes.empty()) {
        findings.emplace_back(
            "port-25", "", Level::ok, "not checked: no mail server to try could be looked up"
        );
        return findings;
    }
    if (hosts.empty()) {
        Finding finding("port-25", "", Level::problem, "this host has no route to any mail server");
        findings.push_back(finding.with(Remedy::advice(
            "Give this host a default route, or an address of the family that it has one for"
        )));
        return findings;
    }
    if (connected > 0) {
        findings.emplace_back("port-25", "", Level::ok, "mail servers can be reached on port 25");
        return findings;
    }
    if (hosts.size() < 2 || tried == 0) {
        return findings;  // one server that is down says nothing about this host
    }
    const Remedy relay = Remedy::advice(
        settings.relay.empty() ? diagnose::kOrSetRelay
                               : "Meanwhile mail goes through the relay " + settings.relay
    );
    const char* const text =
        silent == 0 ? "every connection to port 25 is refused at once: a firewall of this host or "
                      "its network"
        : refused == 0 ? diagnose::kPortBlocked
                       : "no connection to port 25 succeeds, some being refused and others not "
                         "answered: a firewall, or the provider, blocks outgoing mail";
    Finding finding("port-25", "", Level::problem, text);
    if (refused > 0) {
        finding.with(Remedy::advice("Let outgoing TCP connections to port 25 through that firewall")
        );
    }
    if (silent > 0) {
        finding.with(Remedy::advice(diagnose::kOpenThePort));
    }
    findings.push_back(finding.with(relay));
    return findings;
}

Findings judge_clock(const std::vector<Probe>& probes) {
    Findings findings;
    const Probe* best = nullptr;  // one server's clock may be wrong; the nearest to ours counts
    for (const Probe& probe : probes) {
        if (probe.clock_ahead && (best == nullptr || std::chrono::abs(*probe.clock_ahead) <
                                                         std::chrono::abs(*best->clock_ahead))) {
            best = &probe;
        }
    }
    if (best == nullptr) {
        return findings;
    }
    const std::chrono::seconds off = std::chrono::abs(*best->clock_ahead);
    if (off < kMaxClockError) {
        findings.emplace_back("clock", "", Level::ok, "it agrees with that of " + best->peer.host);
        return findings;
    }
    Finding finding(
        "clock",
        "",
        Level::problem,
        "it is " + std::to_string(off.count() / 60) + " minutes " +
            (best->clock_ahead->count() > 0 ? "behind" : "ahead of") + " that of " +
            best->peer.host + ": dates and signatures are wrong"
    );
    findings.push_back(finding.with(Remedy::command("timedatectl set-ntp true")));
    return findings;
}

bool blames_this_host(const Findings& way_out) {
    return std::any_of(way_out.begin(), way_out.end(), [](const Finding& finding) {
        return finding.level == Level::problem;
    });
}

}  // namespace mxpost::doctor
