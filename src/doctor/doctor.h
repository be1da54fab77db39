// Doctor: says why mail won't arrive, and what mends it. Runs the checks side by side and puts the
// report together.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "doctor/context.h"
#include "doctor/host_checks.h"
#include "doctor/recipient_checks.h"
#include "doctor/report.h"

namespace mxpost::doctor {

struct Questions {
    Questions() = default;

    std::string local_part;                // of the sender
    std::string domain;                    // of the sender, A-labels
    std::vector<std::string> recipients;   // domains, A-labels
    std::vector<mail::Address> addresses;  // whom RCPT is asked about; may be none
    std::vector<std::string> known_hosts;  // asked when there is no recipient, or none answers
};

class Doctor {
public:
    /// Told what is being waited for, one short line; may be empty.
    using Progress = std::function<void(const std::string& what)>;

    /// `context` must outlive it.
    Doctor(Context& context, Progress progress)
        : context_(context), progress_(std::move(progress)) {}

    /// Bounded by the resolver's and the sessions' time limits.
    boost::asio::awaitable<void> run(Questions questions);
    /// What is known so far; all when run() has ended.
    const Report& report() const { return report_; }

private:
    /// No mail leaves but through the relay.
    bool is_all_relayed() const;
    boost::asio::awaitable<void> look_at_relay();
    std::vector<std::string> take_relayed(Questions& questions) const;
    boost::asio::awaitable<std::vector<DomainProbe>> probe_domains(Questions questions);
    boost::asio::awaitable<std::vector<Probe>> probes_of(
        const std::vector<DomainProbe>& domains, std::vector<std::string> known_hosts
    );
    boost::asio::awaitable<void> look_at_ourselves(
        std::vector<Probe> probes, std::string local_part, std::string domain
    );
    boost::asio::awaitable<Findings> look_at_sender(
        std::vector<OwnAddress> addresses, std::string local_part, std::string domain
    );
    void say(const std::string& what) const;

    Context& context_;
    Progress progress_;
    Report report_;
};

}  // namespace mxpost::doctor
