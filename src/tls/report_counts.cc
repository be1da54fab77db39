#include "tls/report_counts.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace mxpost::tls {
namespace {

constexpr std::string_view kFirstLine = "mxpost TLS reports 1";
constexpr std::chrono::seconds kSaveInterval{10};
constexpr std::size_t kMaxText = 500;       // of one thing that somebody else wrote
constexpr std::size_t kMaxLines = 200;      // of a policy
constexpr std::int64_t kLastDay = 2932896;  // of the year 9999

std::string bounded(std::string_view text) {
    return printable(text, kMaxText);
}

// The file's lines are words parted by tabs. printable() has been over all that is written, so no
// word has a tab or a line end in it.

std::string line(std::initializer_list<std::string_view> words) {
    std::string text;
    for (const std::string_view word : words) {
        text += (text.empty() ? "" : "\t") + std::string(word);
    }
    return text + "\n";
}

std::optional<Failure> failure_of(std::string_view text) {
    for (int i = 0; i <= static_cast<int>(Failure::sts_webpki_invalid); ++i) {
        const auto failure = static_cast<Failure>(i);
        if (result_type(failure) == text) {
            return failure;
        }
    }
    return std::nullopt;
}

std::optional<PolicyType> policy_type_of(std::string_view text) {
    for (const PolicyType type : {PolicyType::none, PolicyType::sts, PolicyType::tlsa}) {
        if (text_of(type) == text) {
            return type;
        }
    }
    return std::nullopt;
}

/// Without what differs from session to session.
AppliedPolicy policy_of(const TlsAttempt& attempt) {
    AppliedPolicy policy;
    if (attempt.policy) {
        policy.type = attempt.policy->type;
        policy.domain = bounded(attempt.policy->domain);
        for (const std::string& text : attempt.policy->lines) {
            policy.lines.push_back(bounded(text));
        }
        for (const std::string& pattern : attempt.policy->mx) {
            policy.mx.push_back(bounded(pattern));
        }
        policy.lines.resize(std::min(policy.lines.size(), kMaxLines));
        policy.mx.resize(std::min(policy.mx.size(), kMaxLines));
    }
    if (policy.domain.empty()) {
        policy.domain = bounded(attempt.domain);
    }
    return policy;
}

/// What is reported of a session that failed: the policy's own failure comes first, because the
/// session was what it was because of that.
TlsAttempt failed_attempt(const TlsAttempt& attempt) {
    TlsAttempt failed;
    failed.mx_host = bounded(attempt.mx_host);
    failed.mx_helo = bounded(attempt.mx_helo);
    failed.sending_ip = bounded(attempt.sending_ip);
    failed.receiving_ip = bounded(attempt.receiving_ip);
    const bool is_policys = attempt.policy && attempt.policy->failure != Failure::none;
    failed.failure = is_policys ? attempt.policy->failure : attempt.failure;
    failed.reason = bounded(is_policys ? attempt.policy->problem : attempt.reason);
    return failed;
}

bool is_same(const TlsAttempt& a, const TlsAttempt& b) {
    return a.failure == b.failure && a.mx_host == b.mx_host && a.receiving_ip == b.receiving_ip &&
           a.sending_ip == b.sending_ip && a.mx_helo == b.mx_helo && a.reason == b.reason;
}

void count(PolicySessions& sessions, const TlsAttempt& attempt) {
    const TlsAttempt failed = failed_attempt(attempt);
    if (failed.failure == Failure::none) {
        ++sessions.successful;
        return;
    }
    ++sessions.failed;
    const auto found = std::ranges::find_if(sessions.failures, [&](const FailedSessions& known) {
        return is_same(known.attempt, failed);
    });
    if (found != sessions.failures.end()) {
        ++found->count;
    } else if (sessions.failures.size() < kMaxReportedFailures) {
        FailedSessions& added = sessions.failures.emplace_back();
        added.attempt = failed;
        added.count = 1;
    }
}

std::optional<std::uint64_t> number(std::string_view text) {
    return parse_unsigned(text);
}

class Decoder {
public:
    /// Lines that don't fit are left out.
    void take(std::string_view text) {
        const auto words = split(text, '\t');
        if (words.front() == "domain" && words.size() == 3) {
            take_domain(words);
        } else if (words.front() == "policy" && words.size() == 5) {
            take_policy(words);
        } else if (policy_ == nullptr || words.size() < 2) {
            return;
        } else if (words.front() == "line" && policy_->policy.lines.size() < kMaxLines) {
            policy_->policy.lines.push_back(bounded(words[1]));
        } else if (words.front() == "mx" && policy_->policy.mx.size() < kMaxLines) {
            policy_->policy.mx.push_back(bounded(words[1]));
        } else if (words.front() == "failure" && words.size() == 8) {
            take_failure(words);
        }
    }
    std::vector<DomainSessions> finish() {
        std::erase_if(all_, [](const DomainSessions& sessions) {
            return sessions.policies.empty();
        });
        return std::move(all_);
    }

private:
    void take_domain(const std::vector<std::string_view>& words) {
        policy_ = nullptr;
        has_domain_ = false;
        const auto day = number(words[1]);
        if (day && *day <= static_cast<std::uint64_t>(kLastDay) && !words[2].empty() &&
            all_.size() < kMaxReportedDomains) {
            DomainSessions& sessions = all_.emplace_back();
            sessions.day = std::chrono::sys_days(std::chrono::days(static_cast<int>(*day)));
            sessions.domain = bounded(words[2]);
            has_domain_ = true;
        }
    }
    void take_policy(const std::vector<std::string_view>& words) {
        policy_ = nullptr;
        const auto type = policy_type_of(words[1]);
        const auto successful = number(words[3]);
        const auto failed = number(words[4]);
        if (has_domain_ && type && successful && failed &&
            all_.back().policies.size() < kMaxReportedPolicies) {
            policy_ = &all_.back().policies.emplace_back();
            policy_->policy.type = *type;
            policy_->policy.domain = bounded(words[2]);
            policy_->successful = *successful;
            policy_->failed = *failed;
        }
    }
    void take_failure(const std::vector<std::string_view>& words) {
        const auto failure = failure_of(words[1]);
        const auto times = number(words[2]);
        if (!failure || *failure == Failure::none || !times ||
            policy_->failures.size() >= kMaxReportedFailures) {
            return;
        }
        FailedSessions& failed = policy_->failures.emplace_back();
        failed.count = *times;
        failed.attempt.failure = *failure;
        failed.attempt.mx_host = bounded(words[3]);
        failed.attempt.mx_helo = bounded(words[4]);
        failed.attempt.sending_ip = bounded(words[5]);
        failed.attempt.receiving_ip = bounded(words[6]);
        failed.attempt.reason = bounded(words[7]);
    }

    std::vector<DomainSessions> all_;
    PolicySessions* policy_ = nullptr;
    bool has_domain_ = false;
};

std::string encode_policy(const PolicySessions& sessions) {
    const AppliedPolicy& policy = sessions.policy;
    std::string text = line(
        {"policy",
         text_of(policy.type),
         policy.domain,
         std::to_string(sessions.successful),
         std::to_string(sessions.failed)}
    );
    for (const std::string& one : policy.lines) {
        text += line({"line", one});
    }
    for (const std::string& pattern : policy.mx) {
        text += line({"mx", pattern});
    }
    for (const auto& [attempt, times] : sessions.failures) {
        text += line(
            {"failure",
             result_type(attempt.failure),
             std::to_string(times),
             attempt.mx_host,
             attempt.mx_helo,
             attempt.sending_ip,
             attempt.receiving_ip,
             attempt.reason}
        );
    }
    return text;
}

}  // namespace

std::string encode_sessions(const std::vector<DomainSessions>& sessions) {
    std::string text(kFirstLine);
    text += '\n';
    for (const DomainSessions& one : sessions) {
        std::string block =
            line({"domain", std::to_string(one.day.time_since_epoch().count()), one.domain});
        for (const PolicySessions& policy : one.policies) {
            block += encode_policy(policy);
        }
        if (text.size() + block.size() < StateDirectory::kMaxSize) {
            text += block;
        }
    }
    return text;
}

std::vector<DomainSessions> decode_sessions(std::string_view text) {
    const auto lines = split(text, '\n');
    if (lines.front() != kFirstLine) {
        return {};
    }
    Decoder decoder;
    // The last line has no end: it is empty, or torn.
    for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
        decoder.take(lines[i]);
    }
    return decoder.finish();
}

ReportCounts::ReportCounts(StateDirectory& state, const Clock& clock)
    : state_(state), clock_(clock) {}

ReportCounts::~ReportCounts() {
    if (is_dirty_) {
        save();
    }
}

void ReportCounts::note(const TlsAttempt& attempt) {
    load();
    const auto day = std::chrono::floor<std::chrono::days>(clock_.now());
    const Key key(day, bounded(attempt.domain));
    auto found = sessions_.find(key);
    if (found == sessions_.end()) {
        if (sessions_.size() >= kMaxReportedDomains) {
            return;
        }
        found = sessions_.emplace(key, DomainSessions()).first;
        found->second.day = day;
        found->second.domain = key.second;
    }
    is_dirty_ = true;
    auto& policies = found->second.policies;
    const AppliedPolicy policy = policy_of(attempt);
    auto known = std::ranges::find(policies, policy, &PolicySessions::policy);
    if (known == policies.end()) {
        if (policies.size() >= kMaxReportedPolicies) {
            return;
        }
        policies.emplace_back().policy = policy;
        known = policies.end() - 1;
    }
    count(*known, attempt);
}

std::vector<DomainSessions> ReportCounts::before(std::chrono::sys_days day) {
    load();
    std::vector<DomainSessions> result;
    for (const auto& [key, sessions] : sessions_) {
        if (key.first < day) {
            result.push_back(sessions);
        }
    }
    return result;
}

void ReportCounts::remove(const DomainSessions& sessions) {
    is_dirty_ |= sessions_.erase({sessions.day, sessions.domain}) > 0;
}

void ReportCounts::tick() {
    if (is_dirty_ && clock_.steady_now() - saved_ >= kSaveInterval) {
        save();
    }
}

void ReportCounts::load() {
    if (is_loaded_) {
        return;
    }
    is_loaded_ = true;
    if (const auto text = state_.read(kStateName)) {
        for (DomainSessions& sessions : decode_sessions(*text)) {
            const Key key(sessions.day, sessions.domain);
            sessions_.emplace(key, std::move(sessions));
        }
    }
}

void ReportCounts::save() {
    std::vector<DomainSessions> all;
    for (const auto& [key, sessions] : sessions_) {
        all.push_back(sessions);
    }
    (void)state_.write(kStateName, encode_sessions(all));  // it has said so
    saved_ = clock_.steady_now();
    is_dirty_ = false;
}

}  // namespace mxpost::tls
