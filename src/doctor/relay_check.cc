#include "doctor/relay_check.h"

#include <algorithm>
#include <utility>

#include "doctor/recipient_checks.h"

namespace mxpost::doctor {

namespace asio = boost::asio;

namespace {

Finding problem(const Relay& relay, std::string text, std::string advice) {
    Finding finding("relay", relay.text, Level::problem, std::move(text));
    finding.with(Remedy::advice(std::move(advice)));
    return finding;
}

Finding unreachable(const Probe& probe, const Relay& relay) {
    const std::string port = "port " + std::to_string(relay.port);
    const std::string why = probe.is_silent()    ? "it doesn't answer on " + port
                            : probe.is_refused() ? "it refuses connections to " + port
                                                 : probe.trouble->text;
    return problem(
        relay,
        why,
        "Let outgoing TCP connections to " + port + " through, or correct \"relay\" in mxpost.conf"
    );
}

Finding troubled(const Probe& probe, const Relay& relay, const diagnose::RuleBook& rules) {
    const std::string said = mail::reply_text(*probe.trouble);
    if (probe.are_credentials_refused) {
        return problem(
            relay,
            "it refuses the user or password in " + relay.credentials + ": " + said,
            "Put those that it wants into " + relay.credentials + ", as \"user:password\""
        );
    }
    const bool is_tls = !probe.tls_problem.empty() || probe.trouble->step == mail::Step::start_tls;
    const diagnose::Ruling ruling = rules.rule(*probe.trouble);
    return problem(
        relay,
        said,
        !ruling.notice.empty() ? std::string(ruling.notice)
        : is_tls               ? "Name the relay as its certificate does, or see \"relay-tls\" in "
                                 "mxpost.conf(5)"
                               : "Ask whoever runs " + relay.host + " what this means"
    );
}

Finding well(const Probe& probe, const Relay& relay) {
    std::string text = "answers in " + std::to_string(probe.connect_time.count()) + " ms, " +
                       (probe.tls.empty() ? "in clear" : probe.tls);
    if (relay.session.auth.credentials) {
        text += ", and takes user and password";
    }
    return {"relay", relay.text, Level::ok, std::move(text)};
}

}  // namespace

asio::awaitable<RelayProbe> probe_relay(Context& context, Relay relay) {
    RelayProbe probed;
    std::vector<std::string> names = {relay.host};
    if (relay.has_mx_lookup) {
        const auto mx = co_await context.resolver.mx(relay.host);
        names = server_names(mx, relay.host, probed.findings);
    }
    probed.probes = co_await probe_hosts(context, relay.session, relay.port, std::move(names));
    co_return probed;
}

Findings judge_relay(
    const RelayProbe& probed, const Relay& relay, const diagnose::RuleBook& rules
) {
    Findings findings;
    if (!relay.credentials_problem.empty()) {
        Finding finding(
            "relay",
            relay.text,
            relay.is_for_root_to_read ? Level::warning : Level::problem,
            "its user and password weren't tried: " + relay.credentials_problem
        );
        findings.push_back(finding.with(Remedy::advice(
            relay.is_for_root_to_read ? "Run mxpost doctor as root"
                                      : "Mend " + relay.credentials + " (mxpost.conf(5))"
        )));
    }
    if (probed.probes.empty()) {
        findings.push_back(problem(
            relay,
            probed.findings.empty() ? "this host finds no address of it that it has a way to"
                                    : probed.findings.front().text,
            "Correct \"relay\" in mxpost.conf"
        ));
    }
    const bool is_any_reached = std::ranges::any_of(probed.probes, &Probe::is_connected);
    for (const Probe& probe : probed.probes) {
        if (probe.trouble && probe.is_connected) {
            findings.push_back(troubled(probe, relay, rules));
        } else if (probe.is_connected) {
            findings.push_back(well(probe, relay));
        } else if (!is_any_reached) {
            findings.push_back(unreachable(probe, relay));
        }
    }
    return findings;
}

}  // namespace mxpost::doctor
