#include "deliver/tls_reporter.h"

#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "deliver/sites.h"
#include "deliver/tls_report_mail.h"
#include "tls/report_json.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::hours kSpread{4};
constexpr std::chrono::minutes kRound{10};
constexpr std::chrono::hours kGiveUp{48};
constexpr std::size_t kMaxAnswer = 4096;  // of a server that takes reports; nobody reads it

}  // namespace

TlsReporter::TlsReporter(
    Services& services, Outbox& outbox, tls::ReportCounts& counts, tls::HttpsAgent& https
)
    : services_(services),
      outbox_(outbox),
      counts_(counts),
      https_(https),
      delay_(services.random.below(std::chrono::seconds(kSpread).count())),
      next_(services.clock.steady_now()) {}

void TlsReporter::tick() {
    counts_.tick();
    const SteadyTime now = services_.clock.steady_now();
    if (is_reporting_ || now < next_) {
        return;
    }
    next_ = now + kRound;
    is_reporting_ = true;
    asio::co_spawn(services_.executor, report_due(), [this](const std::exception_ptr& error) {
        is_reporting_ = false;
        if (error) {
            std::rethrow_exception(error);
        }
    });
}

asio::awaitable<void> TlsReporter::report_due() {
    const WallTime now = services_.clock.now();
    const auto today = std::chrono::floor<std::chrono::days>(now);
    for (const tls::DomainSessions& sessions : counts_.before(today)) {
        const auto end = sessions.day + std::chrono::days(1);
        if (now < end + delay_) {
            continue;
        }
        if (services_.sites.is_stopping()) {
            co_return;  // what is left is the next engine's
        }
        const Sent sent = co_await report(sessions);
        if (sent != Sent::no || now > end + kGiveUp) {
            counts_.remove(sessions);
        }
    }
}

asio::awaitable<TlsReporter::Sent> TlsReporter::report(tls::DomainSessions sessions) {
    const std::string name = "_smtp._tls." + sessions.domain;
    const auto answer = co_await services_.resolver.txt(name);
    if (answer.status == dns::LookupStatus::temporary) {
        co_return Sent::no;
    }
    const auto destinations = tls::report_destinations(answer.records);
    if (destinations.empty()) {
        co_return Sent::unwanted;
    }
    tls::ReportSender sender;
    sender.organization = services_.settings.tls_report_organization.empty()
                              ? domain()
                              : services_.settings.tls_report_organization;
    sender.contact = contact().text();
    const std::string report_id =
        spool::make_message_id(services_.clock.now(), services_.random) + "@" + domain();
    const std::string json = tls::report_json(sessions, sender, report_id);
    bool is_sent = false;
    for (const tls::ReportDestination& destination : destinations) {
        if (!destination.mailbox.empty()) {
            is_sent |= submit(sessions, destination.mailbox, json, report_id);
        } else {
            is_sent |= co_await post(sessions, destination, json);
        }
    }
    co_return is_sent ? Sent::yes : Sent::no;
}

asio::awaitable<bool> TlsReporter::post(
    tls::DomainSessions sessions, tls::ReportDestination destination, std::string json
) {
    tls::HttpsRequest request;
    request.host = destination.host;
    request.port = destination.port;
    request.path = destination.path;
    request.content_type = "application/tlsrpt+gzip";  // RFC 8460 5.4
    request.content = tls::gzipped(json);
    request.max_reply = kMaxAnswer;
    request.time_limit = std::chrono::seconds(60);
    for (const dns::Family family : {dns::Family::ipv4, dns::Family::ipv6}) {
        const auto answer = co_await services_.resolver.addresses(destination.host, family);
        request.addresses.insert(
            request.addresses.end(), answer.records.begin(), answer.records.end()
        );
    }
    const tls::HttpsReply reply = co_await https_.ask(std::move(request));
    const bool is_taken =
        reply.fault == tls::HttpsReply::Fault::none && reply.status >= 200 && reply.status < 300;
    const std::string what =
        "TLS report for " + sessions.domain + " to https://" + destination.host + destination.path;
    if (is_taken) {
        services_.log.info(what + ": sent");
    } else {
        const std::string status = "status " + std::to_string(reply.status);
        services_.log.warning(what + ": " + (reply.problem.empty() ? status : reply.problem));
    }
    co_return is_taken;
}

bool TlsReporter::submit(
    const tls::DomainSessions& sessions,
    const std::string& mailbox,
    const std::string& json,
    const std::string& report_id
) {
    const auto to = mail::parse_smtp_address(mailbox);
    if (!to || !to->is_qualified()) {
        services_.log.warning("TLS report for " + sessions.domain + ": no address: " + mailbox);
        return false;
    }
    TlsReportMail mail;
    mail.sessions = &sessions;
    mail.json = json;
    mail.report_id = report_id;
    mail.submitter = domain();
    mail.contact = contact();
    mail.to = *to;
    mail.now = services_.clock.now();
    mail.id = spool::make_message_id(mail.now, services_.random);
    auto submitted = outbox_.submit(make_tls_report_mail(mail), mail.id);
    if (!submitted) {
        services_.log.warning(
            "TLS report for " + sessions.domain + " can't be queued: " + submitted.error().message()
        );
        return false;
    }
    services_.log.info(mail.id + ": TLS report for " + sessions.domain + " to=<" + mailbox + ">");
    outbox_.release(std::move(*submitted));
    return true;
}

/// The one that other domains know this host by.
std::string TlsReporter::domain() const {
    const auto contact = mail::parse_smtp_address(services_.settings.tls_report_contact);
    if (contact && contact->is_qualified()) {
        return contact->domain();
    }
    const std::string found =
        services_.sender_domain != nullptr ? services_.sender_domain->last() : std::string();
    return found.empty() ? services_.host_name : found;
}

mail::Address TlsReporter::contact() const {
    const auto contact = mail::parse_smtp_address(services_.settings.tls_report_contact);
    return contact && contact->is_qualified() ? *contact : mail::Address("postmaster", domain());
}

}  // namespace mxpost::deliver
