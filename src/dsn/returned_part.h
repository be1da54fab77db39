// The third part of a report: the original message, or its header.
#pragma once

#include <string>

#include "dsn/report.h"

namespace mxpost::dsn {

struct ReturnedPart {
    std::string type;  // "message/rfc822", "text/rfc822-headers", or RFC 6533's forms of them
    std::string text;  // lines with CRLF, each at most 998 octets
    bool is_eight_bit = false;
};

ReturnedPart returned_part(const ReportRequest& request);

}  // namespace mxpost::dsn
