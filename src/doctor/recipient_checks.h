// What stands between this host and a recipient's domain: its MX records, its servers, and what it
// demands of TLS.
#pragma once

#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "doctor/context.h"
#include "doctor/probe.h"
#include "doctor/report.h"

namespace mxpost::doctor {

/// A domain's servers, as far as they could be looked up and asked.
struct DomainProbe {
    DomainProbe() = default;

    std::string domain;  // A-labels
    Findings findings;   // about its records
    std::vector<Probe> probes;
    std::vector<std::string> dane_problems;  // "mx.example.com: …"
    tls::StsVerdict sts;
    bool has_sts = false;  // there was something to find
};

inline constexpr std::size_t kMaxProbedHosts = 3;

/// Looks up and asks the domain's first servers on each address family that this host has.
boost::asio::awaitable<DomainProbe> probe_domain(
    Context& context, std::string domain, RecipientQuestion question
);
/// The servers of these names (or IP addresses), on each family: for want of a recipient, or the
/// relay's. `session`: the context's, or the relay's.
boost::asio::awaitable<std::vector<Probe>> probe_hosts(
    Context& context,
    smtp::SessionSettings session,
    std::uint16_t port,
    std::vector<std::string> hosts
);
/// The names of a domain's first servers (RFC 5321 5.1); none: it can't get mail, and `findings`
/// say why.
std::vector<std::string> server_names(
    const dns::Answer<dns::MxRecord>& answer, const std::string& domain, Findings& findings
);

/// What the probe means. `is_way_out_blocked`: that no server answers has been said. Pure.
Findings judge_domain(
    const DomainProbe& probed, const diagnose::RuleBook& rules, bool is_way_out_blocked
);

}  // namespace mxpost::doctor
