#include "doctor/recipient_checks.h"

#include <algorithm>
#include <utility>

#include "doctor/together.h"
#include "tls/dane_lookup.h"

namespace mxpost::doctor {

namespace asio = boost::asio;

namespace {

struct Host {
    Host() = default;

    std::string name;
    std::vector<asio::ip::address> addresses;  // one of each family that this host has a way to
    std::string canonical_name;
    bool is_secure = true;
    std::string problem;  // it has no address, and why
};

/// Of a name that says its addresses itself; none: the DNS is asked.
std::vector<asio::ip::address> evident_addresses(const std::string& name) {
    if (name == "localhost") {  // RFC 6761 6.3: never asked for
        return {asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()};
    }
    boost::system::error_code error;
    const auto literal = asio::ip::make_address(name, error);
    return error ? std::vector<asio::ip::address>() : std::vector{literal};
}

asio::awaitable<Host> look_up_host(Context& context, std::string name) {
    Host host;
    host.name = name;
    host.addresses = evident_addresses(name);
    if (!host.addresses.empty()) {
        co_return host;
    }
    bool is_any_there = false;
    for (const dns::Family family : {dns::Family::ipv4, dns::Family::ipv6}) {
        const auto answer = co_await context.resolver.addresses(name, family);
        host.is_secure = host.is_secure && answer.is_secure;
        host.canonical_name = answer.name.empty() ? host.canonical_name : answer.name;
        if (answer.status == dns::LookupStatus::temporary) {
            host.problem = answer.reason;
        }
        is_any_there |= !answer.records.empty();
        for (const asio::ip::address& address : answer.records) {
            if (context.source_to(address)) {
                host.addresses.push_back(address);
                break;
            }
        }
    }
    if (!is_any_there && host.problem.empty()) {
        host.problem = "it has no address";
    }
    co_return host;
}

asio::awaitable<std::vector<Host>> look_up_hosts(Context& context, std::vector<std::string> names) {
    std::vector<asio::awaitable<Host>> tasks;
    for (std::string& name : names) {
        tasks.push_back(look_up_host(context, std::move(name)));
    }
    co_return co_await all_of(context.executor, std::move(tasks));
}

/// What TLSA records demand of each host; `probed` gets what goes wrong with them.
asio::awaitable<std::vector<tls::DaneVerdict>> look_up_demands(
    Context& context,
    DomainProbe& probed,
    const dns::Answer<dns::MxRecord>& mx,
    const std::vector<Host>& hosts
) {
    std::vector<tls::DaneVerdict> verdicts(hosts.size());
    if (!context.settings.dane || !context.why_dane_is_off.empty()) {
        co_return verdicts;
    }
    tls::DaneDomain domain;
    domain.name = probed.domain;
    domain.canonical_name = mx.name.empty() ? probed.domain : mx.name;
    domain.is_secure = mx.is_secure;
    for (const Host& host : hosts) {
        domain.hosts.emplace_back(host.name, host.canonical_name, host.is_secure);
    }
    verdicts = co_await tls::look_up_dane(context.resolver, std::move(domain));
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        if (!verdicts[i].problem.empty()) {
            probed.dane_problems.push_back(verdicts[i].problem);
        }
    }
    co_return verdicts;
}

std::vector<smtp::Peer> peers_of(
    const std::vector<Host>& hosts,
    const std::vector<tls::DaneVerdict>& verdicts,
    std::uint16_t port
) {
    std::vector<smtp::Peer> peers;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        for (const asio::ip::address& address : hosts[i].addresses) {
            smtp::Peer peer(hosts[i].name, address, port);
            if (i < verdicts.size()) {
                peer.demand = verdicts[i].demand;
            }
            peers.push_back(std::move(peer));
        }
    }
    return peers;
}

Finding unreachable(const Probe& probe) {
    const std::string why = probe.is_silent()    ? "it doesn't answer on port 25"
                            : probe.is_refused() ? "it refuses connections to port 25"
                                                 : probe.trouble->text;
    return {"connect", probe.text(), Level::problem, why};
}

Finding greeted(const Probe& probe, const diagnose::RuleBook& rules) {
    if (!probe.trouble) {
        return {
            "connect",
            probe.text(),
            Level::ok,
            "answers in " + std::to_string(probe.connect_time.count()) + " ms: " + probe.banner};
    }
    const bool is_tls = !probe.tls_problem.empty() || probe.trouble->step == mail::Step::start_tls;
    Finding finding(
        is_tls ? "tls" : "greeting", probe.text(), Level::problem, mail::reply_text(*probe.trouble)
    );
    const diagnose::Ruling ruling = rules.rule(*probe.trouble);
    if (!ruling.notice.empty()) {
        finding.with(Remedy::advice(std::string(ruling.notice)));
    }
    return finding;
}

/// What the server said of the recipients, where it was asked.
Findings recipient_findings(const Probe& probe, const diagnose::RuleBook& rules) {
    Findings findings;
    for (const mail::RecipientOutcome& outcome : probe.recipients) {
        const std::string said = probe.text() + " said: " + mail::reply_text(outcome);
        if (outcome.reply_code / 100 == 2) {
            findings.emplace_back("rcpt", "", Level::ok, "the recipient is taken: " + said);
            continue;
        }
        const bool is_for_now = outcome.kind == mail::OutcomeKind::deferred;
        Finding finding(
            "rcpt",
            "",
            is_for_now ? Level::warning : Level::problem,
            (is_for_now ? "not now: " : "refused: ") + said
        );
        const diagnose::Ruling ruling = rules.rule(outcome);
        if (ruling.is_greylisting) {
            finding.level = Level::ok;
            finding.text = "not yet (greylisting), and taken later: " + said;
        } else if (!ruling.notice.empty()) {
            finding.with(Remedy::advice(std::string(ruling.notice)));
        }
        findings.push_back(std::move(finding));
    }
    return findings;
}

std::optional<Finding> tls_finding(const Probe& probe, const DomainProbe& probed) {
    if (probe.trouble) {
        return std::nullopt;
    }
    const bool is_verified = probe.tls.ends_with(" verified") || probe.tls.ends_with(" DANE");
    const bool is_enforced =
        probed.sts.policy && probed.sts.policy->mode == tls::StsMode::enforce && !probe.peer.demand;
    if (is_enforced && !is_verified) {
        const std::string why = probe.tls.empty() ? "it offers no TLS" : probe.tls_problem;
        return Finding(
            "tls",
            probe.text(),
            Level::problem,
            "the MTA-STS policy of " + probed.domain + " asks for a trusted certificate: " + why
        );
    }
    if (probe.tls.empty()) {
        const bool is_broken = !probe.tls_problem.empty();
        return Finding(
            "tls",
            probe.text(),
            is_broken ? Level::warning : Level::ok,
            is_broken ? "mail goes there in clear, since TLS fails: " + probe.tls_problem
                      : "mail goes there in clear: the server offers no TLS"
        );
    }
    if (is_verified) {
        return Finding("tls", probe.text(), Level::ok, probe.tls);
    }
    return Finding(
        "tls",
        probe.text(),
        Level::warning,
        "mail goes there encrypted, for whoever it is: " + probe.tls_problem
    );
}

Finding sts_finding(const DomainProbe& probed) {
    const tls::StsVerdict& sts = probed.sts;
    if (!sts.problem.empty()) {
        return {"mta-sts", probed.domain, Level::warning, sts.problem};
    }
    const bool is_enforced = sts.policy->mode == tls::StsMode::enforce;
    std::string unnamed;
    bool is_any_named = false;
    for (const Probe& probe : probed.probes) {
        if (tls::is_named(*sts.policy, probe.peer.host)) {
            is_any_named = true;
        } else {
            unnamed = probe.peer.host;
        }
    }
    if (is_any_named || probed.probes.empty()) {
        return {
            "mta-sts",
            probed.domain,
            Level::ok,
            "the policy (" + std::string(tls::text_of(sts.policy->mode)) +
                ") names its mail servers"};
    }
    return {
        "mta-sts",
        probed.domain,
        is_enforced ? Level::problem : Level::warning,
        "its policy doesn't name its mail server " + unnamed};
}

/// What is somebody else's to mend: what that means for the mail, and whom to tell.
std::string last_resort(const Finding& finding, const std::string& domain) {
    if (finding.check == "mx") {
        return "Look whether the address is right; where it is, tell the owner of " + domain +
               " some other way";
    }
    if (finding.check == "rcpt") {
        return "Look whether the address is right; what the server said is for it to explain";
    }
    return "Nothing to mend here: mail for it waits and is tried again; if that lasts, tell the "
           "postmaster of " +
           domain + " some other way";
}

}  // namespace

std::vector<std::string> server_names(
    const dns::Answer<dns::MxRecord>& answer, const std::string& domain, Findings& findings
) {
    std::vector<std::string> names;
    if (answer.status == dns::LookupStatus::temporary) {
        findings.emplace_back(
            "mx", domain, Level::problem, "its MX records can't be looked up: " + answer.reason
        );
        return names;
    }
    if (answer.status == dns::LookupStatus::nx_domain) {
        findings.emplace_back("mx", domain, Level::problem, "there is no such domain");
        return names;
    }
    if (answer.records.empty()) {
        return {domain};  // RFC 5321 5.1
    }
    if (answer.records.size() == 1 && answer.records[0].exchange.empty()) {
        Finding finding(
            "mx", domain, Level::problem, "the domain takes no mail: it has a null MX record"
        );
        findings.push_back(
            finding.with(Remedy::advice("Write to another address; this one can't get mail"))
        );
        return names;
    }
    for (const dns::MxRecord& record : answer.records) {
        if (!record.exchange.empty() && names.size() < kMaxProbedHosts) {
            names.push_back(record.exchange);
        }
    }
    return names;
}

asio::awaitable<DomainProbe> probe_domain(
    Context& context, std::string domain, RecipientQuestion question
) {
    DomainProbe probed;
    probed.domain = domain;
    const auto mx = co_await context.resolver.mx(domain);
    std::vector<std::string> names = server_names(mx, domain, probed.findings);
    if (names.empty()) {
        co_return probed;
    }
    if (context.sts != nullptr) {
        probed.sts = co_await context.sts->find(domain);
        probed.has_sts = probed.sts.policy || !probed.sts.problem.empty();
    }
    const std::vector<Host> hosts = co_await look_up_hosts(context, std::move(names));
    for (const Host& host : hosts) {
        if (!host.problem.empty() && host.addresses.empty()) {
            const bool is_domain = host.name == domain;
            probed.findings.emplace_back(
                "mx",
                host.name,
                Level::problem,
                is_domain ? "it has neither MX nor address records" : host.problem
            );
        }
    }
    const std::vector<tls::DaneVerdict> verdicts =
        co_await look_up_demands(context, probed, mx, hosts);
    std::vector<smtp::Peer> peers = peers_of(hosts, verdicts, context.port);
    probed.probes =
        co_await probe_all(context, context.session, std::move(peers), std::move(question));
    co_return probed;
}

asio::awaitable<std::vector<Probe>> probe_hosts(
    Context& context,
    smtp::SessionSettings session,
    std::uint16_t port,
    std::vector<std::string> hosts
) {
    const std::vector<Host> found = co_await look_up_hosts(context, std::move(hosts));
    std::vector<smtp::Peer> peers = peers_of(found, {}, port);
    RecipientQuestion nothing;
    co_return co_await probe_all(context, std::move(session), std::move(peers), std::move(nothing));
}

Findings judge_domain(
    const DomainProbe& probed, const diagnose::RuleBook& rules, bool is_way_out_blocked
) {
    Findings findings = probed.findings;
    for (const std::string& problem : probed.dane_problems) {
        findings.emplace_back("dane", probed.domain, Level::problem, problem);
    }
    if (probed.has_sts) {
        findings.push_back(sts_finding(probed));
    }
    for (const Probe& probe : probed.probes) {
        if (!probe.is_connected) {
            if (!is_way_out_blocked && probe.has_route) {
                findings.push_back(unreachable(probe));
            }
            continue;
        }
        findings.push_back(greeted(probe, rules));
        if (auto tls = tls_finding(probe, probed)) {
            findings.push_back(std::move(*tls));
        }
        for (Finding& finding : recipient_findings(probe, rules)) {
            findings.push_back(std::move(finding));
        }
    }
    if (findings.empty() && is_way_out_blocked) {
        findings.emplace_back(
            "connect",
            probed.domain,
            Level::ok,
            "not checked: no connection to a mail server of it succeeds from here (see port 25)"
        );
    }
    for (Finding& finding : findings) {
        if (finding.level == Level::problem && finding.remedies.empty()) {
            finding.with(Remedy::advice(last_resort(finding, probed.domain)));
        }
    }
    return findings;
}

}  // namespace mxpost::doctor
