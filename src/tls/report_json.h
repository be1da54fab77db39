// One domain's report of one day in the form of RFC 8460 4.4. Pure.
#pragma once

#include <string>

#include "tls/report_counts.h"

namespace mxpost::tls {

/// Who reports.
struct ReportSender {
    ReportSender() = default;

    std::string organization;
    std::string contact;  // a mail address
};

/// `id`: unique among this sender's reports.
std::string report_json(
    const DomainSessions& sessions, const ReportSender& sender, const std::string& id
);

/// "corp.example!example.com!1459468800!1459555199!ID.json.gz" (RFC 8460 5.1): the report's file
/// name.
std::string report_file_name(
    const DomainSessions& sessions, const std::string& submitter, const std::string& id
);

/// RFC 1952. What zlib can't do for lack of memory comes back empty.
std::string gzipped(const std::string& text);

}  // namespace mxpost::tls
