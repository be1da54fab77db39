// Reporting: which recipients of a message its sender is to hear of, and the reports that say so.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "deliver/services.h"
#include "dsn/report.h"
#include "spool/store.h"

namespace mxpost::deliver {

/// Where reports about a message go.
class Outbox {
public:
    virtual ~Outbox() = default;
    /// Queues a report durably; it is claimed, and not sent before release().
    virtual Result<std::unique_ptr<spool::Claim>> submit(
        const dsn::Report& report, const spool::MessageId& id
    ) = 0;
    /// The original's journal says that the report exists: it may go.
    virtual void release(std::unique_ptr<spool::Claim> report) = 0;
    /// True when a report with this id is in the queue already: an earlier process died between
    /// writing it and noting so.
    virtual bool has(const spool::MessageId& id) = 0;
};

enum class Finality : std::uint8_t {
    keep_trying,    // deferred recipients stay in the queue
    single_attempt  // no queue: what isn't delivered now is reported, if anything was delivered
};

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
    /// Bounces for those who failed. False: one couldn't be queued, so the message must stay.
    bool report_failures();
    /// Reports of success for those whose NOTIFY asks for it, unless the next hop makes them.
    /// False: as above.
    bool report_successes();
    /// report_successes() has something to do.
    bool owes_success() const { return !unreported_successes().empty(); }
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
