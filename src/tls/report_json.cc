#include "tls/report_json.h"

#include <utility>
#include <zlib.h>

#include "base/iso_time.h"
#include "base/json.h"

namespace mxpost::tls {
namespace {

std::chrono::sys_seconds last_second(std::chrono::sys_days day) {
    return day + std::chrono::days(1) - std::chrono::seconds(1);
}

std::string policy_json(const AppliedPolicy& policy) {
    JsonObject json;
    json.text("policy-type", text_of(policy.type));
    // RFC 8460 4.4: the policy itself, where one was found.
    if (!policy.lines.empty()) {
        json.raw("policy-string", json_strings(policy.lines));
    }
    json.text("policy-domain", policy.domain);
    if (!policy.mx.empty()) {
        json.raw("mx-host", json_strings(policy.mx));
    }
    return json.end();
}

std::string failure_json(const FailedSessions& failed) {
    const TlsAttempt& attempt = failed.attempt;
    JsonObject json;
    json.text("result-type", result_type(attempt.failure));
    const std::pair<const char*, const std::string*> optional[] = {
        {"sending-mta-ip", &attempt.sending_ip},
        {"receiving-mx-hostname", &attempt.mx_host},
        {"receiving-mx-helo", &attempt.mx_helo},
        {"receiving-ip", &attempt.receiving_ip},
        {"failure-reason-code", &attempt.reason}};
    for (const auto& [name, value] : optional) {
        if (!value->empty()) {
            json.text(name, *value);
        }
    }
    return json.number("failed-session-count", failed.count).end();
}

std::string sessions_json(const PolicySessions& sessions) {
    JsonObject summary;
    summary.number("total-successful-session-count", sessions.successful);
    summary.number("total-failure-session-count", sessions.failed);
    JsonObject json;
    json.raw("policy", policy_json(sessions.policy)).raw("summary", summary.end());
    if (!sessions.failures.empty()) {
        JsonArray details;
        for (const FailedSessions& failed : sessions.failures) {
            details.add(failure_json(failed));
        }
        json.raw("failure-details", details.end());
    }
    return json.end();
}

}  // namespace

std::string report_json(
    const DomainSessions& sessions, const ReportSender& sender, const std::string& id
) {
    JsonObject range;
    range.text("start-datetime", iso_time(sessions.day));
    range.text("end-datetime", iso_time(last_second(sessions.day)));
    JsonArray policies;
    for (const PolicySessions& policy : sessions.policies) {
        policies.add(sessions_json(policy));
    }
    JsonObject json;
    json.text("organization-name", sender.organization).raw("date-range", range.end());
    json.text("contact-info", sender.contact).text("report-id", id);
    json.raw("policies", policies.end());
    return json.end() + "\n";
}

std::string report_file_name(
    const DomainSessions& sessions, const std::string& submitter, const std::string& id
) {
    const auto begin = std::chrono::sys_seconds(sessions.day).time_since_epoch().count();
    const auto end = last_second(sessions.day).time_since_epoch().count();
    return submitter + "!" + sessions.domain + "!" + std::to_string(begin) + "!" +
           std::to_string(end) + "!" + id + ".json.gz";
}

std::string gzipped(const std::string& text) {
    z_stream stream{};
    constexpr int kWithGzipHeader = 15 + 16;
    constexpr int kMemory = 8;
    if (deflateInit2(
            &stream, Z_BEST_COMPRESSION, Z_DEFLATED, kWithGzipHeader, kMemory, Z_DEFAULT_STRATEGY
        ) != Z_OK) {
        return {};
    }
    std::string result(deflateBound(&stream, static_cast<uLong>(text.size())) + 32, '\0');
    std::string input = text;  // zlib's own type isn't const
    stream.next_in = reinterpret_cast<Bytef*>(input.data());
    stream.avail_in = static_cast<uInt>(input.size());
    stream.next_out = reinterpret_cast<Bytef*>(result.data());
    stream.avail_out = static_cast<uInt>(result.size());
    const bool is_done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    result.resize(is_done ? stream.total_out : 0);
    deflateEnd(&stream);
    return result;
}

}  // namespace mxpost::tls
