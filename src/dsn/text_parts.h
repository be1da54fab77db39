// The first two parts of a report: words for people, fields for programs.
#pragma once

#include <string>

#include "dsn/report.h"

namespace mxpost::dsn {

/// What happened, to whom, in whose words. Lines with CRLF; UTF-8.
std::string human_part(const ReportRequest& request);

/// The report goes to an address that needs SMTPUTF8, so whoever gets it can read UTF-8.
bool is_for_smtp_utf8(const ReportRequest& request);

/// The body of message/delivery-status (RFC 3464 2), or of message/global-delivery-status (RFC 6533
/// 4) where it isn't ASCII: that is only if is_for_smtp_utf8(). Lines with CRLF.
std::string status_part(const ReportRequest& request);

/// The value of the report's Subject field. Printable, one line, perhaps UTF-8.
std::string subject(const ReportRequest& request);

/// The host's name, fit for header fields: ASCII, a domain name.
std::string host_name(const ReportRequest& request);

}  // namespace mxpost::dsn
