// TlsReporter: once a day, sends each domain that wants it the report of RFC 8460.
//
// Only where `tls-reports` says so, and by the system engine: on-demand engines see a part of the
// sessions and end too early. A day is reported some hours after its end, at a moment that differs
// from host to host (RFC 8460 5.1), and then, or when it has failed for two days, forgotten.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "deliver/outbox.h"
#include "deliver/services.h"
#include "tls/https_client.h"
#include "tls/report_counts.h"
#include "tls/report_record.h"

namespace mxpost::deliver {

class TlsReporter {
public:
    /// References must outlive it, and it its coroutines.
    TlsReporter(
        Services& services, Outbox& outbox, tls::ReportCounts& counts, tls::HttpsAgent& https
    );

    /// To be called about once a second.
    void tick();
    /// Reports what is due. tick() begins it; for tests.
    boost::asio::awaitable<void> report_due();

private:
    enum class Sent : std::uint8_t { yes, no, unwanted };

    boost::asio::awaitable<Sent> report(tls::DomainSessions sessions);
    boost::asio::awaitable<bool> post(
        tls::DomainSessions sessions, tls::ReportDestination destination, std::string json
    );
    bool submit(
        const tls::DomainSessions& sessions,
        const std::string& mailbox,
        const std::string& json,
        const std::string& report_id
    );
    std::string domain() const;
    mail::Address contact() const;

    Services& services_;
    Outbox& outbox_;
    tls::ReportCounts& counts_;
    tls::HttpsAgent& https_;
    std::chrono::seconds delay_;  // after midnight
    SteadyTime next_;
    bool is_reporting_ = false;
};

}  // namespace mxpost::deliver
