// Reporting: which recipients of a message its sender is to hear of, and the reports that say so.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "deliver/outbox.h"
#include "deliver/services.h"
#include "dsn/report.h"
#include "spool/store.h"

namespace mxpost::deliver {

class Reporting {
public:
    /// `envelope` and `header`: the message's, completed. References must outlive it.
    Reporting(
        Services& services,
        Outbox& outbox,
        spool::Claim& claim,
        const mail::Envelope& envelope,
        const std::string& header,
        Finality finality
    );

    /// Bounces and success reports that an earlier process still owed when it died: before anything
    /// is tried, so that they are for the same recipients, and those that exist already are known
    /// again.
    void report_what_is_owed();
    /// A report that is due may want a name that only DNS knows (see route::SenderDomain).
    bool owes_report() const {
        return !unreported_failures().empty() || owes_success() || owes_delay();
    }
    /// Bounces for those who failed. False: one couldn't be queued, so the message must stay.
    bool report_failures();
    /// Reports of success for those whose NOTIFY asks for it, unless the next hop makes them.
    /// False: as above.
    bool report_successes();
    /// report_successes() has something to do.
    bool owes_success() const { return !unreported_successes().empty(); }
    /// report_delays() has something to do.
    bool owes_delay() const;
    /// The warning for those who are late. One that can't be queued is owed again.
    void report_delays();
    /// Somebody is still to be told that the message is late.
    bool is_warning_open() const;

private:
    std::vector<std::uint32_t> unreported_failures() const;
    std::vector<std::uint32_t> unreported_successes() const;
    bool is_told(std::uint32_t recipient) const;
    bool is_delay_due(std::uint32_t recipient) const;
    bool report(spool::ReportKind kind, const std::vector<std::uint32_t>& recipients);
    bool report_some(spool::ReportKind kind, const std::vector<std::uint32_t>& recipients);
    dsn::Report make_report(
        spool::ReportKind kind,
        const std::vector<std::uint32_t>& recipients,
        const spool::MessageId& id
    );
    spool::MessageId report_id(spool::ReportKind kind, const std::vector<std::uint32_t>& recipients)
        const;
    void note(spool::ReportKind kind, std::string id, const std::vector<std::uint32_t>& recipients);

    Services& services_;
    Outbox& outbox_;
    spool::Claim& claim_;
    const mail::Envelope& envelope_;
    const std::string& header_;
    Finality finality_;
    bool is_recovering_ = false;  // an earlier process may have queued what is reported now
};

}  // namespace mxpost::deliver
