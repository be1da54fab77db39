#include "deliver/reporting.h"

#include <algorithm>
#include <ctime>

#include "base/base32.h"
#include "base/crc32c.h"
#include "deliver/retry_hint.h"
#include "route/domain_name.h"

namespace mxpost::deliver {
namespace {

/// Local time, for dates that people read.
std::chrono::minutes utc_offset(WallTime now) {
    const std::time_t seconds = to_seconds(now).time_since_epoch().count();
    std::tm local{};
    ::localtime_r(&seconds, &local);
    return std::chrono::duration_cast<std::chrono::minutes>(std::chrono::seconds(local.tm_gmtoff));
}

/// Reports are mail of this host's, and want a sender that is accepted as well: on a host without a
/// full name that which DNS has found, or else the domain that the message came from.
std::string reporting_name(const Services& services, const mail::Address& sender) {
    const std::string found =
        services.sender_domain != nullptr ? services.sender_domain->last() : std::string();
    for (const std::string& name : {services.host_name, found, sender.domain()}) {
        if (name.find('.') != std::string::npos && mail::is_domain_name(name)) {
            return name;
        }
    }
    return services.host_name;
}

}  // namespace

Reporting::Reporting(
    Services& services,
    Outbox& outbox,
    spool::Claim& claim,
    const mail::Envelope& envelope,
    const std::string& header,
    Finality finality
)
    : services_(services),
      outbox_(outbox),
      claim_(claim),
      envelope_(envelope),
      header_(header),
      finality_(finality) {}

std::vector<std::uint32_t> Reporting::unreported_failures() const {
    std::vector<std::uint32_t> failed;
    const auto& states = claim_.journal().recipients;
    for (std::uint32_t i = 0; i < states.size(); ++i) {
        const bool has_failed =
            states[i].last && (states[i].last->kind == mail::OutcomeKind::failed ||
                               (finality_ == Finality::single_attempt && states[i].is_pending()));
        if (has_failed && !states[i].is_failure_reported) {
            failed.push_back(i);
        }
    }
    return failed;
}

/// sendmail -oep and -oeq: who waits for the first attempt hears of it there, not by mail.
bool Reporting::is_told(std::uint32_t recipient) const {
    const bool is_mailed = envelope_.error_mode != mail::ErrorMode::print &&
                           envelope_.error_mode != mail::ErrorMode::quiet;
    // After interactive-timeout nobody waits any more.
    const bool is_waited_for = envelope_.is_followed && services_.clock.now() - envelope_.arrival <
                                                            services_.settings.interactive_timeout;
    return is_waited_for && !is_mailed && claim_.journal().recipients[recipient].attempts == 1;
}

void Reporting::report_what_is_owed() {
    if (finality_ == Finality::keep_trying) {
        is_recovering_ = true;
        // What can't be queued now is owed again after the attempt.
        (void)report_failures();
        (void)report_successes();
        is_recovering_ = false;
    }
}

bool Reporting::report_failures() {
    const std::vector<std::uint32_t> failed = unreported_failures();
    // Without a queue the caller hears of it all if nothing was delivered.
    const bool is_callers_news =
        finality_ == Finality::single_attempt && failed.size() == envelope_.recipients.size();
    if (failed.empty() || is_callers_news) {
        return true;
    }
    std::vector<std::uint32_t> wanted;
    std::vector<std::uint32_t> unwanted;
    for (const std::uint32_t index : failed) {
        const mail::Recipient& recipient = envelope_.recipients[index];
        const bool is_wanted =
            dsn::wants_report(envelope_, recipient, spool::ReportKind::failure) && !is_told(index);
        (is_wanted ? wanted : unwanted).push_back(index);
    }
    for (const std::uint32_t index : unwanted) {
        const std::string address = envelope_.recipients[index].address.text();
        services_.log.info(claim_.name().id + ": to=<" + address + ">: failed, no report is due");
    }
    if (!unwanted.empty()) {
        note(spool::ReportKind::failure, {}, unwanted);
    }
    return wanted.empty() || report(spool::ReportKind::failure, wanted);
}

std::vector<std::uint32_t> Reporting::unreported_successes() const {
    std::vector<std::uint32_t> delivered;
    const auto& states = claim_.journal().recipients;
    for (std::uint32_t i = 0; i < states.size(); ++i) {
        const auto& last = states[i].last;
        if (last && last->kind == mail::OutcomeKind::delivered && !states[i].is_success_reported &&
            last->success != mail::SuccessReport::passed_on &&
            dsn::wants_report(envelope_, envelope_.recipients[i], spool::ReportKind::success)) {
            delivered.push_back(i);
        }
    }
    return delivered;
}

bool Reporting::report_successes() {
    const std::vector<std::uint32_t> delivered = unreported_successes();
    return delivered.empty() || report(spool::ReportKind::success, delivered);
}

bool Reporting::is_delay_due(std::uint32_t recipient) const {
    const spool::RecipientState& state = claim_.journal().recipients[recipient];
    return state.is_pending() && !state.is_delay_reported &&
           dsn::wants_report(envelope_, envelope_.recipients[recipient], spool::ReportKind::delay);
}

bool Reporting::owes_delay() const {
    return finality_ == Finality::keep_trying && is_warning_open() &&
           schedule::is_warning_due(envelope_.arrival, services_.clock.now(), services_.retry);
}

void Reporting::report_delays() {
    if (!owes_delay()) {
        return;
    }
    std::vector<std::uint32_t> late;
    for (std::uint32_t i = 0; i < envelope_.recipients.size(); ++i) {
        if (is_delay_due(i)) {
            late.push_back(i);
        }
    }
    (void)report(spool::ReportKind::delay, late);
}

bool Reporting::is_warning_open() const {
    for (std::uint32_t i = 0; i < envelope_.recipients.size(); ++i) {
        if (is_delay_due(i)) {
            return true;
        }
    }
    return false;
}

bool Reporting::report(spool::ReportKind kind, const std::vector<std::uint32_t>& recipients) {
    for (std::size_t at = 0; at < recipients.size(); at += dsn::kMaxReportRecipients) {
        const std::size_t end = std::min(recipients.size(), at + dsn::kMaxReportRecipients);
        const auto begin = recipients.begin();
        const std::vector<std::uint32_t> some(
            begin + static_cast<std::ptrdiff_t>(at), begin + static_cast<std::ptrdiff_t>(end)
        );
        if (!report_some(kind, some)) {
            return false;
        }
    }
    return true;
}

/// The same for the same report, so that it isn't written again when the process died before the
/// journal had it; and another for any other, so that none is taken for it.
spool::MessageId Reporting::report_id(
    spool::ReportKind kind, const std::vector<std::uint32_t>& recipients
) const {
    constexpr std::size_t kTimeDigits = 11;
    const std::string& id = claim_.name().id;
    std::string seed = id + "/" + std::to_string(static_cast<int>(kind));
    for (const std::uint32_t recipient : recipients) {
        seed += "/" + std::to_string(recipient);
    }
    const std::uint64_t hash = std::uint64_t{crc32c(0, seed)} << 32 | crc32c(1, seed);
    return id.substr(0, kTimeDigits) + to_base32(hash, id.size() - kTimeDigits);
}

dsn::Report Reporting::make_report(
    spool::ReportKind kind, const std::vector<std::uint32_t>& recipients, const spool::MessageId& id
) {
    const auto content = claim_.content(header_);
    dsn::ReportRequest request;
    request.kind = kind;
    request.envelope = &envelope_;
    request.id = claim_.name().id;
    request.header = header_;
    request.content = content.get();
    for (const std::uint32_t index : recipients) {
        const spool::RecipientState& state = claim_.journal().recipients[index];
        dsn::ReportRecipient& entry = request.recipients.emplace_back(index, &state);
        if (state.last && state.last->kind != mail::OutcomeKind::delivered) {
            const auto& reason = state.last_deferral ? *state.last_deferral : *state.last;
            entry.explanation = services_.rules.rule(reason).notice;
        }
        entry.retry_until = schedule::expiry(
            envelope_.arrival, services_.retry, pending_recipient(services_.rules, state)
        );
    }
    request.to = route::with_a_labels(*envelope_.sender);
    request.reporting_mta = reporting_name(services_, *envelope_.sender);
    // What DNS says of this host's address is good for a sender, and isn't where its users are.
    const mail::ReversePath& submitted = claim_.envelope().sender;
    if (submitted && !submitted->is_qualified() && services_.sender_domain != nullptr &&
        !services_.sender_domain->is_configured()) {
        request.recipient = *submitted;
    }
    request.report_id = id;
    request.boundary_seed = services_.random.bits();
    request.now = services_.clock.now();
    request.utc_offset = utc_offset(request.now);
    return dsn::make_report(request);
}

bool Reporting::report_some(spool::ReportKind kind, const std::vector<std::uint32_t>& recipients) {
    const spool::MessageId id = report_id(kind, recipients);
    const bool may_exist = is_recovering_ || kind == spool::ReportKind::delay;
    std::unique_ptr<spool::Claim> queued;
    if (!may_exist || !outbox_.has(id)) {
        auto submitted = outbox_.submit(make_report(kind, recipients, id), id);
        if (!submitted) {
            const std::string why =
                "the report for its sender can't be queued: " + submitted.error().message();
            services_.log.error(claim_.name().id + ": the message stays, " + why);
            // For mailq; durable or not.
            (void)claim_.append({spool::NoteRecord{services_.clock.now(), why}}).has_value();
            return false;
        }
        queued = std::move(*submitted);
    }
    const char* const what = kind == spool::ReportKind::failure ? "bounce "
                             : kind == spool::ReportKind::delay ? "delay warning "
                                                                : "success report ";
    services_.log.info(
        claim_.name().id + ": " + what + id + " queued to=<" + mail::path_text(envelope_.sender) +
        ">"
    );
    // The journal before the report may go: else a crash could have it sent twice.
    note(kind, id, recipients);
    if (queued) {
        outbox_.release(std::move(queued));
    }
    return true;
}

/// Without a queue there is no later look at the journal, and its reader takes the record to mean
/// that the report was delivered: LooseDelivery writes it then.
void Reporting::note(
    spool::ReportKind kind, std::string id, const std::vector<std::uint32_t>& recipients
) {
    if (finality_ == Finality::single_attempt) {
        return;
    }
    const spool::ReportRecord record{kind, services_.clock.now(), std::move(id), recipients};
    auto done = claim_.append({record});
    if (done) {
        done = claim_.sync();
    }
    if (!done) {
        // The claim keeps it in memory, and its owner sees to it that it gets written.
        services_.log.error(
            claim_.name().id + ": can't write to the journal: " + done.error().message()
        );
    }
}

}  // namespace mxpost::deliver
