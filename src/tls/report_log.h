// What deliveries tell of TLS, for the daily reports of RFC 8460.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tls/failure.h"

namespace mxpost::tls {

/// Which policy was applied (RFC 8460 4.2: policy-type).
enum class PolicyType : std::uint8_t { none, sts, tlsa };

/// "no-policy-found", "sts", "tlsa"
std::string_view text_of(PolicyType type);

/// The policy that held for a host when mail for a domain went there. All text without line ends.
struct AppliedPolicy {
    AppliedPolicy() = default;

    PolicyType type = PolicyType::none;
    std::string domain;              // whose policy: the recipients', A-labels
    std::vector<std::string> lines;  // the policy itself: "mode: enforce", or TLSA records as text
    std::vector<std::string> mx;     // sts: its patterns
    /// The policy could not be had as it should (RFC 8460 4.3.2); else none.
    Failure failure = Failure::none;
    std::string problem;  // with a failure: one line for people

    friend bool operator==(const AppliedPolicy&, const AppliedPolicy&) = default;
};

/// One session that was opened, or was to be.
struct TlsAttempt {
    TlsAttempt() = default;

    std::string domain;                           // the recipients', A-labels: who gets the report
    std::shared_ptr<const AppliedPolicy> policy;  // null: there is none
    std::string mx_host;                          // its MX record's name, or the domain
    std::string mx_helo;     // how it calls itself in its greeting; may be empty
    std::string sending_ip;  // ours; empty: no connection came about
    std::string receiving_ip;
    Failure failure = Failure::none;
    std::string reason;  // with a failure: what happened, one line
};

class ReportLog {
public:
    virtual ~ReportLog() = default;
    /// Costs little and never fails. Deliveries of reports aren't to be told (RFC 8460 5.3).
    virtual void note(const TlsAttempt& attempt) = 0;
};

}  // namespace mxpost::tls
