// A TLS report as mail (RFC 8460 5.3). Pure.
#pragma once

#include <string>

#include "base/clock.h"
#include "dsn/report.h"
#include "mail/address.h"
#include "spool/entry_name.h"
#include "tls/report_counts.h"

namespace mxpost::deliver {

struct TlsReportMail {
    TlsReportMail() = default;

    const tls::DomainSessions* sessions = nullptr;  // as long as the call
    std::string json;                               // the report
    std::string report_id;
    std::string submitter;  // a domain of this host's
    mail::Address contact;  // From
    mail::Address to;       // who wants it
    spool::MessageId id;    // the message's
    WallTime now;
};

/// Null sender and NOTIFY=NEVER: a report that can't be delivered is forgotten, and causes nothing.
dsn::Report make_tls_report_mail(const TlsReportMail& mail);

}  // namespace mxpost::deliver
