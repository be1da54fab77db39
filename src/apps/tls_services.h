// What an engine learns and tells of TLS by other ways than SMTP: MTA-STS policies, TLS reports.
#pragma once

#include <optional>

#include <boost/asio/any_io_executor.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "base/state_directory.h"
#include "config/settings.h"
#include "deliver/outbox.h"
#include "deliver/routes.h"
#include "deliver/services.h"
#include "deliver/tls_reporter.h"
#include "dns/resolver.h"
#include "tls/https_client.h"
#include "tls/report_counts.h"
#include "tls/sts_cache.h"

namespace mxpost::apps {

class TlsServices {
public:
    /// References must outlive it, and it what runs on `executor`.
    TlsServices(
        const boost::asio::any_io_executor& executor,
        const config::Settings& settings,
        dns::Resolver& resolver,
        StateDirectory& state,
        const Clock& clock,
        Log& log
    );

    /// Policies apply from now on, where the settings say so.
    void join(deliver::Routes& routes);
    /// For the system engine: sessions are counted and reported, where the settings say so.
    void start_reports(deliver::Services& services, deliver::Outbox& outbox);
    /// To be called about once a second.
    void tick();

private:
    const config::Settings& settings_;
    StateDirectory& state_;
    const Clock& clock_;
    tls::HttpsClient https_;
    std::optional<tls::StsCache> sts_;
    std::optional<tls::ReportCounts> counts_;
    std::optional<deliver::TlsReporter> reporter_;
};

}  // namespace mxpost::apps
