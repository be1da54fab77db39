#include "doctor/doctor.h"

#include <algorithm>
#include <utility>

#include "config/relay.h"
#include "doctor/host_checks.h"
#include "doctor/local_checks.h"
#include "doctor/probe.h"
#include "doctor/recipient_checks.h"
#include "doctor/relay_check.h"
#include "doctor/sender_checks.h"
#include "doctor/together.h"
#include "route/sender_domain.h"

namespace mxpost::doctor {

namespace asio = boost::asio;

namespace {

/// What was found twice (of two addresses: their name) is said once.
void append(Findings& findings, const Findings& more) {
    for (const Finding& finding : more) {
        const bool is_said = std::any_of(findings.begin(), findings.end(), [&](const auto& said) {
            return said.check == finding.check && said.subject == finding.subject &&
                   said.text == finding.text && said.level == Level::ok;
        });
        if (!is_said) {
            findings.push_back(finding);
        }
    }
}

/// Ours, as receivers see them: a private one by what their servers told of it.
std::vector<OwnAddress> own_addresses(
    const std::vector<asio::ip::address>& sources, const std::vector<Probe>& probes
) {
    std::vector<OwnAddress> addresses;
    for (const asio::ip::address& source : sources) {
        OwnAddress own;
        own.local = source;
        if (route::is_known_elsewhere(source)) {
            own.visible = source;
        } else {
            const auto told = std::find_if(probes.begin(), probes.end(), [&](const Probe& probe) {
                return probe.source == source && probe.seen && probe.seen != source;
            });
            own.visible = told == probes.end() ? std::nullopt : told->seen;
        }
        addresses.push_back(std::move(own));
    }
    return addresses;
}

std::vector<asio::ip::address> visible_ones(const std::vector<OwnAddress>& addresses) {
    std::vector<asio::ip::address> visible;
    for (const OwnAddress& address : addresses) {
        if (address.visible) {
            visible.push_back(*address.visible);
        }
    }
    return visible;
}

/// Does mail leave over IPv6 whether or not its address has a name?
bool needs_ipv6(const config::Settings& settings, const std::vector<OwnAddress>& addresses) {
    const bool has_ipv4 = std::any_of(addresses.begin(), addresses.end(), [](const auto& address) {
        return address.local.is_v4();
    });
    return settings.address_family != config::AddressFamily::automatic || !has_ipv4;
}

/// Those that no mail leaves from are nobody's business.
void leave_out_unused(const config::Settings& settings, std::vector<OwnAddress>& addresses) {
    std::erase_if(addresses, [&settings](const OwnAddress& address) {
        return settings.address_family ==
               (address.local.is_v4() ? config::AddressFamily::ipv6 : config::AddressFamily::ipv4);
    });
}

/// Which of our addresses mail leaves from, so that SPF has to know them: not those without a name
/// that the engine won't use.
asio::awaitable<std::vector<asio::ip::address>> sending_addresses(
    Context& context, std::vector<OwnAddress> addresses
) {
    const bool is_any = needs_ipv6(context.settings, addresses);
    std::vector<asio::ip::address> sending;
    for (const OwnAddress& address : addresses) {
        if (!address.visible) {
            continue;
        }
        bool is_used = address.visible->is_v4() || is_any;
        if (!is_used) {
            const route::ReverseName name =
                co_await context.reverse_names.find(*address.visible, std::chrono::seconds(8));
            is_used = name.is_confirmed;
        }
        if (is_used) {
            sending.push_back(*address.visible);
        }
    }
    co_return sending;
}

}  // namespace

void Doctor::say(const std::string& what) const {
    if (progress_) {
        progress_(what);
    }
}

asio::awaitable<void> Doctor::run(Questions questions) {
    report_.host = context_.full_name.empty() ? context_.node_name : context_.full_name;
    report_.sender = questions.local_part + "@" + questions.domain;
    Report::Part& host = report_.parts.emplace_back();
    host.findings = check_local(context_);

    say("the name server");
    std::string asked =
        questions.recipients.empty() ? questions.domain : questions.recipients.front();
    const Findings resolver = co_await check_resolver(context_, std::move(asked));
    host.findings.insert(host.findings.begin(), resolver.begin(), resolver.end());
    if (blames_this_host(resolver)) {
        co_return;  // all else would only repeat it
    }

    if (context_.relay) {
        say("the relay");
        co_await look_at_relay();
    }
    const std::vector<std::string> relayed = take_relayed(questions);
    Findings way_out;
    std::vector<DomainProbe> domains;
    std::vector<Probe> probes;
    if (!is_all_relayed()) {
        say("the mail servers");
        domains = co_await probe_domains(questions);
        probes = co_await probes_of(domains, std::move(questions.known_hosts));
        way_out = judge_way_out(probes, context_.settings);
        append(report_.parts.front().findings, way_out);
        append(report_.parts.front().findings, judge_clock(probes));
    }
    say("this host's addresses, and the sender's domain");
    co_await look_at_ourselves(
        std::move(probes), std::move(questions.local_part), std::move(questions.domain)
    );
    for (const DomainProbe& domain : domains) {
        Report::Part part;
        part.section = Section::recipient;
        part.subject = domain.domain;
        part.findings = judge_domain(domain, context_.rules, blames_this_host(way_out));
        report_.parts.push_back(std::move(part));
    }
    for (const std::string& domain : relayed) {
        Report::Part part;
        part.section = Section::recipient;
        part.subject = domain;
        part.findings.emplace_back(
            "relay", domain, Level::ok, "its mail goes through " + context_.settings.relay
        );
        report_.parts.push_back(std::move(part));
    }
}

bool Doctor::is_all_relayed() const {
    return config::is_all_relayed(context_.settings);
}

asio::awaitable<void> Doctor::look_at_relay() {
    const Relay relay = *context_.relay;
    const RelayProbe probed = co_await probe_relay(context_, relay);
    append(report_.parts.front().findings, judge_relay(probed, relay, context_.rules));
    if (is_all_relayed()) {
        append(report_.parts.front().findings, judge_clock(probed.probes));
    }
}

/// Takes those recipients away that this host's own sessions are no business of.
std::vector<std::string> Doctor::take_relayed(Questions& questions) const {
    std::vector<std::string> relayed;
    std::erase_if(questions.recipients, [&](const std::string& domain) {
        const bool is_relayed = config::is_relayed(context_.settings, domain);
        if (is_relayed) {
            relayed.push_back(domain);
        }
        return is_relayed;
    });
    return relayed;
}

asio::awaitable<std::vector<DomainProbe>> Doctor::probe_domains(Questions questions) {
    std::vector<asio::awaitable<DomainProbe>> tasks;
    for (const std::string& domain : questions.recipients) {
        RecipientQuestion question;
        question.sender = mail::Address(questions.local_part, questions.domain);
        for (const mail::Address& address : questions.addresses) {
            if (address.domain() == domain) {
                question.recipients.emplace_back(address);
            }
        }
        tasks.push_back(probe_domain(context_, domain, std::move(question)));
    }
    co_return co_await all_of(context_.executor, std::move(tasks));
}

/// All of the domains' probes, and where none of them got through, those of well-known servers: is
/// it theirs, or ours?
asio::awaitable<std::vector<Probe>> Doctor::probes_of(
    const std::vector<DomainProbe>& domains, std::vector<std::string> known_hosts
) {
    std::vector<Probe> probes;
    for (const DomainProbe& domain : domains) {
        probes.insert(probes.end(), domain.probes.begin(), domain.probes.end());
    }
    const bool is_any_connected = std::any_of(probes.begin(), probes.end(), [](const auto& probe) {
        return probe.is_connected;
    });
    if (!is_any_connected && !known_hosts.empty()) {
        const std::vector<Probe> known =
            co_await probe_hosts(context_, context_.session, context_.port, std::move(known_hosts));
        probes.insert(probes.end(), known.begin(), known.end());
    }
    co_return probes;
}

asio::awaitable<void> Doctor::look_at_ourselves(
    std::vector<Probe> probes, std::string local_part, std::string domain
) {
    std::vector<OwnAddress> addresses;
    if (!is_all_relayed()) {  // else it is the relay's address that receivers look at
        addresses = own_addresses(context_.sources, probes);
    }
    leave_out_unused(context_.settings, addresses);
    const bool needs = needs_ipv6(context_.settings, addresses);
    std::vector<asio::awaitable<Findings>> tasks;
    for (const OwnAddress& address : addresses) {
        tasks.push_back(check_address(context_, address, needs));
    }
    tasks.push_back(check_block_lists(context_, visible_ones(addresses)));
    tasks.push_back(look_at_sender(addresses, std::move(local_part), domain));
    std::vector<Findings> all = co_await all_of(context_.executor, std::move(tasks));
    Report::Part sender;
    sender.section = Section::sender;
    sender.subject = std::move(domain);
    sender.findings = std::move(all.back());
    all.pop_back();
    for (const Findings& findings : all) {
        append(report_.parts.front().findings, findings);
    }
    report_.parts.push_back(std::move(sender));
}

asio::awaitable<Findings> Doctor::look_at_sender(
    std::vector<OwnAddress> addresses, std::string local_part, std::string domain
) {
    std::vector<asio::ip::address> sending =
        co_await sending_addresses(context_, std::move(addresses));
    co_return co_await check_sender(
        context_, std::move(local_part), std::move(domain), std::move(sending)
    );
}

}  // namespace mxpost::doctor
