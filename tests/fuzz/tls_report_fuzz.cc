// Fuzzer: any octets as the TXT record of RFC 8460, as the counts in the state directory, and as
// what servers say in a report. Seeds: records and state files, in corpus/tls_report.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "tls/report_counts.h"
#include "tls/report_json.h"
#include "tls/report_record.h"
#include "tls/sts_policy.h"

namespace {

using namespace mxpost::tls;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

bool is_visible(const std::string& text) {
    for (const char c : text) {
        if (c <= ' ' || c > '~') {
            return false;
        }
    }
    return true;
}

void check_record(const std::string& text) {
    const std::vector<mxpost::dns::TxtRecord> records{mxpost::dns::TxtRecord(text)};
    const auto destinations = report_destinations(records);
    require(destinations.size() <= kMaxReportDestinations);
    for (const ReportDestination& one : destinations) {
        require(is_visible(one.mailbox) && is_visible(one.path));
        require(one.mailbox.empty() == is_host_name(one.host));
        require(!one.mailbox.empty() || one.path.starts_with('/'));
    }
}

void check_sessions(const std::string& text) {
    const auto sessions = decode_sessions(text);
    const std::string written = encode_sessions(sessions);
    require(encode_sessions(decode_sessions(written)) == written);
    for (const DomainSessions& one : sessions) {
        const std::string json = report_json(one, ReportSender(), "id");
        require(json.find('\n') == json.size() - 1);
    }
}

void check_json(const std::string& text) {
    DomainSessions sessions;
    sessions.domain = text;
    PolicySessions& policy = sessions.policies.emplace_back();
    policy.policy.lines = {text};
    policy.failures.emplace_back().attempt.reason = text;
    for (const char c : report_json(sessions, ReportSender(), text)) {
        require(c == '\n' || static_cast<unsigned char>(c) >= ' ');
    }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    check_record(text);
    check_sessions(text);
    check_json(text);
    return 0;
}
