// The first two parts of a report: words for people, fields for programs.
#pragma once

#include <string>

#include "dsn/report.h"

namespace mxpost::dsn {

/// What happened, to whom, in whose words. Lines with CRLF; UTF-8.
std::string human_part(const ReportRequest& request);

/// The body of message/delivery-status (RFC 3464 2). Lines with CRLF; ASCII.
std::string status_part(const ReportRequest& request);

/// The value of the report's Subject field. Printable, one line, perhaps UTF-8.
std::string subject(const ReportRequest& request);

/// The host's name, fit for header fields: ASCII, a domain name.
std::string host_name(const ReportRequest& request);

}  // namespace mxpost::dsn
