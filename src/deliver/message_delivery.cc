#include "deliver/message_delivery.h"

#include <algorithm>
#include <exception>
#include <map>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/text.h"
#include "deliver/remote_attempt.h"
#include "deliver/retry_hint.h"
#include "deliver/tls_wish.h"
#include "mail/completion.h"
#include "mail/header.h"
#include "mail/recode.h"
#include "route/domain_name.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds kSyncWithin{20};  // design 1.3 promises 50 ms
constexpr std::chrono::minutes kReportAgainAfter{5};

mail::Address complete(const mail::Address& address, const std::string& domain) {
    return address.is_qualified() ? address : mail::Address(address.local_part(), domain);
}

/// Nobody hears when mail without a sender is given up: it needn't wait as long as other mail.
schedule::RetryPolicy retry_policy(const Services& services, const mail::Envelope& envelope) {
    schedule::RetryPolicy policy = services.retry;
    if (!envelope.sender) {
        policy.lifetime = std::min(policy.lifetime, services.settings.bounce_lifetime);
    }
    return policy;
}

}  // namespace

MessageDelivery::MessageDelivery(
    Services& services,
    Outbox& outbox,
    std::unique_ptr<spool::Claim> claim,
    Finality finality,
    std::function<bool()> is_withdrawn
)
    : services_(services),
      claim_(std::move(claim)),
      finality_(finality),
      is_withdrawn_(std::move(is_withdrawn)),
      envelope_(claim_->envelope()),
      header_(route::header_with_a_labels(claim_->header())),
      retry_(retry_policy(services, envelope_)),
      recorder_(services, *claim_, envelope_, retry_),
      reporting_(services, outbox, *claim_, envelope_, header_, finality),
      local_(
          services,
          outbox,
          *claim_,
          envelope_,
          header_,
          [this](const std::string& header, bool to_seven_bit) {
              return make_content(header, to_seven_bit);
          },
          finality
      ),
      signer_(services.signing),
      jobs_done_(services.executor, asio::steady_timer::time_point::max()),
      sync_timer_(services.executor),
      is_asked_for_(spool::is_asked_for(claim_->name())) {
    // Of the addresses each counts where it is used (protocol::Exchange looks at them): a recipient
    // elsewhere isn't refused for another's.
    envelope_.is_smtp_utf8 = envelope_.is_smtp_utf8 && !is_ascii(header_);
    note_long_lines();
}

/// What was added to addresses may have made a line of the header too long to be sent as it is.
void MessageDelivery::note_long_lines() {
    envelope_.has_long_lines = envelope_.has_long_lines || mail::has_long_line(header_);
}

/// Design 7: what submission could not complete because this host's name wasn't known to it.
asio::awaitable<void> MessageDelivery::complete_envelope() {
    if (!envelope_.is_incomplete) {
        co_return;
    }
    route::SenderDomain* const finder = services_.sender_domain;
    std::string domain = services_.host_name;
    if (finder != nullptr) {
        domain = co_await finder->find();
    }
    if (finder == nullptr || finder->is_configured()) {
        for (mail::Recipient& recipient : envelope_.recipients) {
            recipient.address = complete(recipient.address, domain);
        }
    }  // else what DNS says of this host's address doesn't say where local users are
    if (domain.empty() && envelope_.sender) {
        domain = envelope_.sender->domain();  // the header's open names get the best one known
    }
    is_nameless_ = domain.empty();
    if (is_nameless_) {
        co_return;
    }
    header_ = route::header_with_a_labels(mail::complete_header(header_, domain));
    note_long_lines();
    if (envelope_.sender) {
        envelope_.sender = complete(*envelope_.sender, domain);
    }
}

/// One that goes through aliases to this host's mailboxes, or on from there.
bool MessageDelivery::is_for_here(std::uint32_t recipient) const {
    return !services_.local_mail_to && is_local(services_, envelope_.recipients[recipient].address);
}

const mail::Address& MessageDelivery::destination_of(std::uint32_t recipient) const {
    return destination(services_, envelope_.recipients[recipient].address);
}

/// Recipients to be tried now: those whose own delay is over. If that is none the message is looked
/// at for the warning that it is late, or for the last time. All pending ones where somebody asked
/// for an attempt.
std::vector<std::uint32_t> MessageDelivery::due_recipients() {
    const auto& states = claim_->journal().recipients;
    const WallTime now = services_.clock.now();
    std::vector<std::uint32_t> pending;
    std::vector<std::uint32_t> due;
    for (std::uint32_t i = 0; i < states.size(); ++i) {
        if (!states[i].is_pending()) {
            continue;
        }
        pending.push_back(i);
        const auto recipient = pending_recipient(services_.rules, states[i]);
        if (schedule::is_due(recipient, now, retry_)) {
            due.push_back(i);
        }
    }
    if (is_asked_for_) {
        return pending;
    }
    if (due.empty() && reporting_.owes_delay()) {
        return {};
    }
    return due.empty() ? pending : due;
}

std::vector<MessageDelivery::Job> MessageDelivery::due_jobs() {
    // Large receivers refuse several domains in one transaction: one job a domain (design 3).
    // What is for here is one job, so that nobody gets it twice through two aliases.
    // The relay gets all that is its in one.
    std::vector<Job> jobs;
    std::map<std::string, std::size_t> by_domain;
    std::optional<std::size_t> relayed;
    for (const std::uint32_t i : due_recipients()) {
        const std::string domain =
            is_for_here(i) ? std::string() : ascii_lower(destination_of(i).domain());
        const auto [at, is_new] = by_domain.try_emplace(domain, jobs.size());
        if (is_new) {
            const Way way = domain.empty() ? Way::direct : choose_way(domain);
            if (way == Way::relay && relayed) {
                at->second = *relayed;
            } else {
                relayed = way == Way::relay ? jobs.size() : relayed;
                jobs.push_back({domain, way, {}});
            }
        }
        jobs[at->second].recipients.push_back(i);
    }
    return jobs;
}

Way MessageDelivery::choose_way(const std::string& domain) const {
    Relay* const relay = services_.relay;
    return relay == nullptr ? Way::direct : relay->choose(domain, services_.clock.steady_now());
}

asio::awaitable<std::optional<spool::EntryName>> MessageDelivery::run() {
    // What is read from a journal may be a killed engine's, not yet synced: before it is reported
    // it must last, or a recipient could be reported twice.
    co_await recorder_.make_durable();
    if (claim_->is_unrecorded()) {
        co_return claim_->name();
    }
    reporting_.report_what_is_owed();
    if (claim_->is_unrecorded()) {
        co_await recorder_.make_durable();
        if (claim_->is_unrecorded()) {
            co_return claim_->name();
        }
    }
    co_await complete_envelope();
    const std::vector<Job> jobs = due_jobs();
    co_await sign_ahead(jobs);
    jobs_left_ = jobs.size();
    // `jobs` lives in this frame until all are done.
    if (jobs.size() == 1) {
        co_await only_job(jobs.front());
    } else {
        for (const Job& job : jobs) {
            auto work = guarded_job(job);
            asio::co_spawn(services_.executor, std::move(work), report_bug());
        }
    }
    while (jobs_left_ > 0 || (is_held_ && !is_stopping_)) {
        co_await jobs_done_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    if (is_held_) {
        co_return claim_->name();
    }
    recorder_.write_repeated();
    if (!content_problem_.empty()) {
        services_.log.error(
            claim_->name().id +
            ": message file is not what was submitted, set aside in corrupt/: " + content_problem_
        );
        if (auto moved = claim_->set_aside(); !moved) {
            services_.log.error(
                claim_->name().id + ": can't set it aside: " + moved.error().message()
            );
            co_return claim_->name();
        }
        co_return std::nullopt;
    }
    if (finality_ == Finality::keep_trying) {
        recorder_.expire(is_asked_for_
        );  // before the journal is synced, and that before anybody is told
    }
    if (is_removal_enough()) {
        auto next = finish(true);
        if (is_removed_) {
            co_return next;
        }
    }
    co_await recorder_.make_durable();
    if (claim_->is_unrecorded()) {
        co_return claim_->name();  // the engine ends with outcomes that no disk took
    }
    release_copies();
    if (services_.sender_domain != nullptr && reporting_.owes_report()) {
        (void)co_await services_.sender_domain->find();
    }
    const bool is_every_failure_reported = reporting_.report_failures();
    const bool is_everything_reported = reporting_.report_successes() && is_every_failure_reported;
    reporting_.report_delays();
    co_await recorder_.make_durable();
    co_return finish(is_everything_reported);
}

/// For a coroutine that failed while it wrote down what happened: the claim is held until the
/// engine ends, because another attempt could send the message again.
std::function<void(std::exception_ptr)> MessageDelivery::report_bug() {
    return [this](const std::exception_ptr& error) {
        if (error) {
            services_.log.error(
                claim_->name().id + ": internal error, the message is held until this engine ends"
            );
            is_held_ = true;
            end_job();
        }
    };
}

void MessageDelivery::end_job() {
    --jobs_left_;
    if (is_sync_due_ && jobs_left_ == 1) {
        sync_timer_.cancel();
    } else if (jobs_left_ == 0) {
        jobs_done_.cancel();
    }
}

void MessageDelivery::stop() {
    is_stopping_ = true;
    recorder_.stop();
    jobs_done_.cancel();
    local_.stop();
}

asio::awaitable<void> MessageDelivery::only_job(const Job& job) {
    std::exception_ptr bug;
    try {
        co_await guarded_job(job);
    } catch (...) {
        bug = std::current_exception();
    }
    report_bug()(bug);
}

asio::awaitable<void> MessageDelivery::guarded_job(const Job& job) {
    DialogueLog::Listener listener;
    if (claim_->envelope().is_verbose) {
        listener = [this](const std::string& line) {
            if (!claim_->journal().is_large()) {
                append({spool::DialogueRecord{services_.clock.now(), line}});
            }
        };
    }
    DialogueLog dialogue(std::move(listener));
    AttemptResult result;
    std::string bug;
    try {
        result = co_await attempt(job, dialogue);
    } catch (const std::exception& exception) {
        // A broken promise of ours (or no memory): this message waits, others go on.
        bug = exception.what();
    }
    if (!bug.empty()) {
        services_.log.error(claim_->name().id + ": internal error: " + bug);
        const mail::RecipientOutcome outcome(
            mail::OutcomeKind::deferred, {4, 3, 0}, "internal error: " + bug
        );
        result.outcomes.assign(job.recipients.size(), outcome);
    }
    record(job, result, dialogue);
    release_copies();
    end_job();
}

/// The limits of submission hold here too: a spool file is its owner's to write.
std::optional<mail::RecipientOutcome> MessageDelivery::refusal() const {
    const config::Settings& settings = services_.settings;
    if (envelope_.recipients.size() > settings.max_recipients) {
        return mail::RecipientOutcome(
            mail::OutcomeKind::failed, {5, 5, 3}, "more recipients than max-recipients allows"
        );
    }
    if (!envelope_.is_bounce && claim_->content_size() > settings.message_size_limit) {
        return mail::RecipientOutcome(
            mail::OutcomeKind::failed, {5, 3, 4}, "larger than message-size-limit allows"
        );
    }
    return std::nullopt;
}

asio::awaitable<void> MessageDelivery::sign_ahead(const std::vector<Job>& jobs) {
    const bool is_any_remote = std::ranges::any_of(jobs, [this](const Job& job) {
        return !is_for_here(job.recipients.front());
    });
    if (!signer_.is_large(claim_->content_size()) || !is_any_remote || is_nameless_ || refusal() ||
        signer_.prepare(header_)) {
        co_return;
    }
    auto content = make_content(header_, false);
    if (content) {
        co_await signer_.sign_ahead(std::move(*content));
    }
}

asio::awaitable<AttemptResult> MessageDelivery::attempt(const Job& job, DialogueLog& dialogue) {
    if (const auto refused = refusal()) {
        AttemptResult result;
        result.outcomes.assign(job.recipients.size(), *refused);
        co_return result;
    }
    if (is_for_here(job.recipients.front())) {
        std::vector<std::uint32_t> indices = job.recipients;
        local_.set_urgent(is_asked_for_);
        local_.on_settled([this](std::uint32_t recipient, const mail::RecipientOutcome& outcome) {
            return settle({recipient}, {outcome});
        });
        co_return co_await local_.run(std::move(indices), dialogue);
    }
    if (is_nameless_) {
        co_return defer_nameless(job);
    }
    if (const auto deferral = signer_.prepare(header_)) {
        AttemptResult result;
        result.outcomes.assign(job.recipients.size(), *deferral);
        co_return result;
    }
    std::vector<std::size_t> sources;
    auto remote = attempt_remote(services_, job.way, consign(job, dialogue, sources));
    AttemptResult result = co_await std::move(remote);
    std::vector<mail::RecipientOutcome> outcomes;
    for (const std::size_t at : sources) {
        outcomes.push_back(result.outcomes[at]);
    }
    result.outcomes = std::move(outcomes);
    co_return result;
}

/// Several local recipients may lead to one address, which gets the message once: `sources` tells
/// for each of the job's recipients which of the consignment's it is.
Consignment MessageDelivery::consign(
    const Job& job, DialogueLog& dialogue, std::vector<std::size_t>& sources
) {
    std::vector<mail::Recipient> recipients;
    for (const std::uint32_t index : job.recipients) {
        mail::Recipient recipient = envelope_.recipients[index];
        recipient.address = destination_of(index);
        const auto same = std::ranges::find_if(recipients, [&](const mail::Recipient& other) {
            return other.address.is_same(recipient.address);
        });
        sources.push_back(static_cast<std::size_t>(same - recipients.begin()));
        if (same == recipients.end()) {
            recipients.push_back(std::move(recipient));
        }
    }
    ContentSource source = [this](bool to_seven_bit) { return make_signed_content(to_seven_bit); };
    schedule::Turn turn{claim_->submitter(), claim_->name().id};
    Consignment consignment(
        envelope_, std::move(recipients), std::move(source), dialogue, std::move(turn)
    );
    consignment.is_urgent = is_asked_for_;
    consignment.is_withdrawn = is_withdrawn_;
    consignment.tls_wish = tls_wish(envelope_, header_);
    consignment.on_settled = [this, &job, &sources](const auto& among, const auto& outcomes) {
        const std::set<std::size_t> settled(among.begin(), among.end());
        std::vector<std::uint32_t> indices;
        std::vector<mail::RecipientOutcome> results;
        for (std::size_t i = 0; i < sources.size(); ++i) {
            if (settled.contains(sources[i])) {
                indices.push_back(job.recipients[i]);
                results.push_back(outcomes[sources[i]]);
            }
        }
        return settle(indices, results);
    };
    return consignment;
}

AttemptResult MessageDelivery::defer_nameless(const Job& job) const {
    AttemptResult result;
    result.outcomes.assign(
        job.recipients.size(),
        mail::RecipientOutcome(
            mail::OutcomeKind::deferred,
            {4, 3, 5},
            "this host has no name that other servers accept in a sender's address: set "
            "from-domain in mxpost.conf, or MXPOST_FROM_DOMAIN for a container"
        )
    );
    return result;
}

/// The hints are the submitter's: one that is wrong spoils nobody's message but theirs.
Result<std::unique_ptr<mail::Content>> MessageDelivery::make_content(
    const std::string& header, bool to_seven_bit
) {
    auto content = claim_->content(header);
    mail::RecodeOptions options;
    options.to_seven_bit = to_seven_bit && envelope_.is_eight_bit;
    if (!envelope_.has_long_lines && !options.to_seven_bit) {
        return content;
    }
    return mail::recode(std::move(content), options);
}

/// Signed last: over the very octets that leave.
Result<std::unique_ptr<mail::Content>> MessageDelivery::make_signed_content(bool to_seven_bit) {
    auto content = make_content(header_, to_seven_bit);
    if (!content) {
        return content;
    }
    return signer_.sign(std::move(*content), to_seven_bit && envelope_.is_eight_bit);
}

bool MessageDelivery::settle(
    const std::vector<std::uint32_t>& recipients,
    const std::vector<mail::RecipientOutcome>& outcomes
) {
    const bool is_written = recorder_.settle(recipients, outcomes);
    if (recorder_.is_unsynced()) {
        sync_soon();
    }
    return is_written;
}

void MessageDelivery::record(
    const Job& job, const AttemptResult& result, const DialogueLog& dialogue
) {
    if (!result.content_problem.empty()) {
        content_problem_ = result.content_problem;
        return;
    }
    if (result.is_unattempted) {
        is_unattempted_ = true;
        return;
    }
    recorder_.note(job.recipients, result.outcomes, dialogue);
    if (jobs_left_ > 1 || !is_removal_enough()) {
        append({});
    }  // else the removal, next, says what the journal would
}

void MessageDelivery::append(const std::vector<spool::Record>& records) {
    if (recorder_.append(records) && jobs_left_ > 1) {
        sync_soon();  // else the last one to end syncs anyway
    }
}

/// Copies go on as soon as it is durable that they exist.
void MessageDelivery::release_copies() {
    if (!local_.has_copies() || !content_problem_.empty() || claim_->is_unrecorded()) {
        return;
    }
    if (recorder_.sync()) {
        local_.release_copies();
    }
}

/// The outcome of one domain is durable within kSyncWithin although other domains take longer.
void MessageDelivery::sync_soon() {
    if (is_sync_due_) {
        return;
    }
    is_sync_due_ = true;
    ++jobs_left_;  // so that `this` stays until the coroutine is done
    const auto sync_later = [](MessageDelivery* self) -> asio::awaitable<void> {
        self->sync_timer_.expires_after(kSyncWithin);
        co_await self->sync_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
        self->is_sync_due_ = false;
        if (self->jobs_left_ > 1) {
            self->recorder_.sync();
        }  // else all is done, and is synced with the rest or removed
        self->end_job();
    };
    auto work = sync_later(this);
    asio::co_spawn(services_.executor, std::move(work), report_bug());
}

/// All delivered, nobody looking on or to be told: the removal says it all, and is synced with
/// others. It is possible on a disk that takes no record, and to keep the message could mean to
/// send it again.
bool MessageDelivery::is_removal_enough() const {
    if (finality_ != Finality::keep_trying || claim_->envelope().is_followed ||
        local_.has_copies()) {
        return false;
    }
    return recorder_.is_all_delivered() && !reporting_.owes_success();
}

std::optional<spool::EntryName> MessageDelivery::finish(bool is_everything_reported) {
    const WallTime now = services_.clock.now();
    const spool::MessageId id = claim_->name().id;
    if (is_unattempted_ && recorder_.has_pending()) {
        return claim_->name();  // as due as it was, for the engine that comes
    }
    if (!is_everything_reported || recorder_.has_pending()) {
        auto due = to_seconds(now) + kReportAgainAfter;
        if (is_everything_reported) {
            due = schedule::next_due(
                recorder_.pending(),
                envelope_.arrival,
                reporting_.is_warning_open(),
                now,
                retry_,
                services_.random
            );
        }
        if (auto renamed = claim_->postpone(due); !renamed) {
            services_.log.warning(
                id + ": can't note the next due time: " + renamed.error().message()
            );
            unnamed_due_ = due;
        }
        return claim_->name();
    }
    if (auto removed = claim_->remove(); !removed) {
        // Everything is recorded: the next look at it removes it, without another attempt.
        services_.log.error(id + ": can't remove it from the queue: " + removed.error().message());
        return claim_->name();
    }
    is_removed_ = true;
    services_.log.info(id + ": removed");
    return std::nullopt;
}

}  // namespace mxpost::deliver
