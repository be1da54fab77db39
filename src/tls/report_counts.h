// ReportCounts: what the sessions of each day came to, until it is reported (RFC 8460 4).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/state_directory.h"
#include "tls/report_log.h"

namespace mxpost::tls {

/// Sessions that failed in the same way (RFC 8460 4.3).
struct FailedSessions {
    FailedSessions() = default;

    TlsAttempt attempt;  // without domain and policy
    std::uint64_t count = 0;
};

/// Sessions under one policy.
struct PolicySessions {
    PolicySessions() = default;

    AppliedPolicy policy;  // without failure and problem, which count as the sessions'
    std::uint64_t successful = 0;
    std::uint64_t failed = 0;
    std::vector<FailedSessions> failures;  // bounded: `failed` may be more than they add up to
};

/// One domain's sessions of one day, UTC.
struct DomainSessions {
    DomainSessions() = default;

    std::chrono::sys_days day;
    std::string domain;
    std::vector<PolicySessions> policies;
};

inline constexpr std::size_t kMaxReportedDomains = 5000;  // on all days together
inline constexpr std::size_t kMaxReportedPolicies = 20;   // of one domain
inline constexpr std::size_t kMaxReportedFailures = 50;   // ways, of one policy

class ReportCounts final : public ReportLog {
public:
    static constexpr const char* kStateName = "tls-reports";

    /// References must outlive it.
    ReportCounts(StateDirectory& state, const Clock& clock);
    ReportCounts(const ReportCounts&) = delete;
    ReportCounts& operator=(const ReportCounts&) = delete;
    /// Writes what isn't written yet.
    ~ReportCounts() override;

    void note(const TlsAttempt& attempt) override;
    /// Of the days before this one.
    std::vector<DomainSessions> before(std::chrono::sys_days day);
    /// It was reported, or can't be.
    void remove(const DomainSessions& sessions);
    /// To be called now and then: writes what isn't written yet.
    void tick();

private:
    using Key = std::pair<std::chrono::sys_days, std::string>;

    void load();
    void save();

    StateDirectory& state_;
    const Clock& clock_;
    std::map<Key, DomainSessions> sessions_;
    SteadyTime saved_;
    bool is_loaded_ = false;
    bool is_dirty_ = false;
};

/// The file in the state directory. Public for tests.
std::string encode_sessions(const std::vector<DomainSessions>& sessions);
/// What of it is well-formed, within the bounds above.
std::vector<DomainSessions> decode_sessions(std::string_view text);

}  // namespace mxpost::tls
