// The TXT record that says where a domain wants its TLS reports (RFC 8460 3).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dns/answer.h"

namespace mxpost::tls {

/// One of the two kinds. All text was written by strangers.
struct ReportDestination {
    ReportDestination() = default;

    std::string mailbox;  // "reports@example.com", percent-decoded; to be parsed. Empty: HTTPS
    std::string host;     // of HTTPS: a host name
    std::uint16_t port = 443;
    std::string path;  // with what follows it: visible ASCII, begins with '/'

    friend bool operator==(const ReportDestination&, const ReportDestination&) = default;
};

inline constexpr std::size_t kMaxReportDestinations = 5;

/// From the records of _smtp._tls.DOMAIN, those that are understood. None: no report is wanted.
std::vector<ReportDestination> report_destinations(const std::vector<dns::TxtRecord>& records);

}  // namespace mxpost::tls
