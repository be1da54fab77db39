#include "apps/tls_services.h"

namespace mxpost::apps {

TlsServices::TlsServices(
    const boost::asio::any_io_executor& executor,
    const config::Settings& settings,
    dns::Resolver& resolver,
    StateDirectory& state,
    const Clock& clock,
    Log& log
)
    : settings_(settings), state_(state), clock_(clock), https_(executor, tls::TrustSettings()) {
    if (settings.mta_sts && settings.tls != config::TlsLevel::none) {
        sts_.emplace(executor, resolver, https_, state, clock, log);
    }
}

void TlsServices::join(deliver::Routes& routes) {
    if (sts_) {
        routes.use_sts(*sts_);
    }
}

void TlsServices::start_reports(deliver::Services& services, deliver::Outbox& outbox) {
    if (settings_.tls_reports) {
        counts_.emplace(state_, clock_);
        reporter_.emplace(services, outbox, *counts_, https_);
        services.tls_reports = &*counts_;
        services.routes.report_to(*counts_);
    }
}

void TlsServices::tick() {
    if (sts_) {
        sts_->tick();
    }
    if (reporter_) {
        reporter_->tick();
    }
}

}  // namespace mxpost::apps
