#include "deliver/message_delivery.h"

#include <algorithm>
#include <exception>
#include <map>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/text.h"
#include "deliver/delivery_log.h"
#include "deliver/remote_attempt.h"
#include "deliver/retry_hint.h"
#include "diagnose/ruling.h"
#include "mail/completion.h"
#include "mail/header.h"
#include "mail/recode.h"
#include "route/domain_name.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds kSyncWithin{20};  // design 1.3 promises 50 ms
constexpr std::chrono::seconds kRecordAgainAfter{10};
constexpr std::chrono::minutes kReportAgainAfter{5};
constexpr std::size_t kManyAgain = 20;  // for less, trace is to show each with its words

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

/// What `last` becomes when it was the last attempt.
mail::RecipientOutcome given_up(mail::RecipientOutcome last, bool is_lifetime_over) {
    last.kind = mail::OutcomeKind::failed;
    if (!is_lifetime_over && last.reply_code >= 500) {
        last.status.klass = 5;  // what was said all the time, in the server's own words
        return last;
    }
    last.text = (is_lifetime_over ? "given up, the queue lifetime is over; the last attempt: "
                                  : "given up, more attempts won't help; the last attempt: ") +
                mail::reply_text(last);
    last.status = {5, 4, 7};
    last.reply_code = 0;  // these are our words
    return last;
}

/// RFC 8689 5: REQUIRETLS goes before the header field.
TlsWish tls_wish(const mail::Envelope& envelope, const std::string& header) {
    if (envelope.requires_tls) {
        return TlsWish::required;
    }
    constexpr std::string_view kName = "TLS-Required:";
    for (const std::string_view line : split(header, '\n')) {
        if (ascii_istarts_with(line, kName)) {
            const bool is_no = ascii_iequals(trim(line.substr(kName.size())), "no");
            return is_no ? TlsWish::lenient : TlsWish::usual;
        }
    }
    return TlsWish::usual;
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
      retry_record_(services.executor),
      sync_timer_(services.executor) {
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
    header_ = mail::complete_header(header_, domain);
    note_long_lines();
    if (envelope_.sender) {
        envelope_.sender = complete(*envelope_.sender, domain);
    }
}

/// One that goes through aliases to this host's mailboxes, or on from there.
bool MessageDelivery::is_for_here(std::uint32_t recipient) const {
    return !services_.local_mail_to && is_local(services_, envelope_.recipients[recipient].address);
}

/// Where mail for this recipient goes: elsewhere, for local ones, if the administrator says so.
const mail::Address& MessageDelivery::destination(std::uint32_t recipient) const {
    const mail::Address& address = envelope_.recipients[recipient].address;
    return services_.local_mail_to && is_local(services_, address) ? *services_.local_mail_to
                                                                   : address;
}

/// Recipients to be tried now: those whose own delay is over. If that is none the message is looked
/// at for the warning that it is late, or somebody asked for an attempt (sendmail -q): then all
/// pending ones.
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
    if (due.empty() && reporting_.owes_delay()) {
        return {};
    }
    is_asked_for_ = due.empty();
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
            is_for_here(i) ? std::string() : ascii_lower(destination(i).domain());
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
    reporting_.report_what_is_owed();
    if (claim_->is_unrecorded()) {
        co_await settle_journal();
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
    record_repeated();
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
        expire();  // before the journal is synced, and that before anybody is told
    }
    if (is_removal_enough()) {
        auto next = finish(true);
        if (is_removed_ || !claim_->is_unrecorded()) {
            co_return next;
        }
    }
    co_await settle_journal();
    if (claim_->is_unrecorded()) {
        co_return claim_->name();  // the engine ends with outcomes that no disk took
    }
    release_copies();
    const bool is_every_failure_reported = reporting_.report_failures();
    const bool is_everything_reported = reporting_.report_successes() && is_every_failure_reported;
    reporting_.report_delays();
    co_await settle_journal();
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
    retry_record_.cancel();
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
    // Several local recipients may lead to one address, which gets the message once.
    std::vector<mail::Recipient> recipients;
    std::vector<std::size_t> sources;
    for (const std::uint32_t index : job.recipients) {
        mail::Recipient recipient = envelope_.recipients[index];
        recipient.address = destination(index);
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
    consignment.on_settled = [this, &job, sources](const auto& among, const auto& outcomes) {
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
    AttemptResult result = co_await attempt_remote(services_, job.way, std::move(consignment));
    std::vector<mail::RecipientOutcome> outcomes;
    for (const std::size_t at : sources) {
        outcomes.push_back(result.outcomes[at]);
    }
    result.outcomes = std::move(outcomes);
    co_return result;
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

/// Whoever has the message must not get it again because the engine dies before the others have
/// their outcome.
bool MessageDelivery::settle(
    const std::vector<std::uint32_t>& recipients, const std::vector<mail::RecipientOutcome>& results
) {
    const WallTime now = services_.clock.now();
    std::vector<spool::Record> records;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
        mail::RecipientOutcome outcome = judge(results[i]);
        if (outcome.kind == mail::OutcomeKind::deferred) {
            continue;  // should it be lost, an early attempt is all that comes of it
        }
        log_outcome(recipients[i], outcome);
        settled_.insert(recipients[i]);
        records.emplace_back(spool::OutcomeRecord{recipients[i], now, std::move(outcome)});
    }
    if (records.empty()) {
        return true;
    }
    if (!append(records)) {
        return false;
    }
    sync_soon();
    return true;
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
    const WallTime now = services_.clock.now();
    std::vector<spool::Record> records;
    bool is_all_good = true;
    for (std::size_t i = 0; i < job.recipients.size(); ++i) {
        if (settled_.contains(job.recipients[i])) {
            is_all_good &= is_delivered(job.recipients[i]);
            continue;
        }
        const mail::RecipientOutcome outcome = judge(result.outcomes[i]);
        log_outcome(job.recipients[i], outcome);
        is_all_good &= outcome.kind == mail::OutcomeKind::delivered;
        const bool is_repeated = claim_->journal().is_repeated_by(job.recipients[i], outcome);
        (is_repeated ? repeated_ : records)
            .emplace_back(spool::OutcomeRecord{job.recipients[i], now, outcome});
    }
    const bool is_told = !is_all_good && !dialogue.is_empty() && !claim_->journal().is_large();
    if (is_told && !claim_->envelope().is_verbose) {
        records.emplace_back(spool::DialogueRecord{now, dialogue.text()});
    }
    claim_->remember(records);
    if (jobs_left_ > 1 || !is_removal_enough()) {
        append({});
    }  // else the removal, next, says what the journal would
}

/// After all jobs: many deferrals that are as they were are one record.
void MessageDelivery::record_repeated() {
    if (repeated_.size() >= kManyAgain || (claim_->journal().is_large() && !repeated_.empty())) {
        spool::AgainRecord again{services_.clock.now(), {}};
        for (const spool::Record& record : repeated_) {
            again.recipients.push_back(std::get<spool::OutcomeRecord>(record).recipient);
        }
        repeated_.assign(1, std::move(again));
    }
    if (!repeated_.empty()) {
        append(std::exchange(repeated_, {}));
    }
}

/// What the rules make of it: a refusal may mean "later", and the administrator may have to know.
mail::RecipientOutcome MessageDelivery::judge(mail::RecipientOutcome outcome) const {
    if (outcome.kind == mail::OutcomeKind::delivered) {
        return outcome;
    }
    const diagnose::Ruling ruling = services_.rules.rule(outcome);
    if (const auto line = services_.notices.note(ruling, outcome, services_.clock.steady_now())) {
        services_.log.warning(*line);
    }
    if (!outcome.is_untried) {  // nobody has refused this message
        diagnose::apply(ruling, outcome);
    }
    return outcome;
}

void MessageDelivery::log_outcome(std::uint32_t recipient, const mail::RecipientOutcome& outcome)
    const {
    const auto delay = services_.clock.now() - claim_->envelope().arrival;
    services_.log.info(outcome_line(
        claim_->name().id,
        destination(recipient),
        envelope_.recipients[recipient].address,
        outcome,
        delay
    ));
}

bool MessageDelivery::append(const std::vector<spool::Record>& records) {
    if (auto done = claim_->append(records); !done) {
        services_.log.error(
            claim_->name().id + ": can't write to the journal: " + done.error().message()
        );
        return false;
    }
    if (jobs_left_ > 1) {
        sync_soon();  // else the last one to end syncs anyway
    }
    return true;
}

/// Copies go on as soon as it is durable that they exist.
void MessageDelivery::release_copies() {
    if (!local_.has_copies() || !content_problem_.empty() || claim_->is_unrecorded()) {
        return;
    }
    if (sync()) {
        local_.release_copies();
    }
}

bool MessageDelivery::sync() {
    const auto synced = claim_->sync();
    if (!synced) {
        services_.log.error(
            claim_->name().id + ": can't sync the journal: " + synced.error().message()
        );
    }
    return synced.has_value();
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
            self->sync();
        }  // else all is done, and is synced with the rest or removed
        self->end_job();
    };
    auto work = sync_later(this);
    asio::co_spawn(services_.executor, std::move(work), report_bug());
}

/// Everything that is known is on disk when this returns, or the engine ends.
asio::awaitable<void> MessageDelivery::settle_journal() {
    auto synced = claim_->is_unrecorded() ? claim_->record_again() : Result<void>();
    if (synced) {
        synced = claim_->sync();
    }
    while (!synced && !is_stopping_) {
        services_.log.error(
            claim_->name().id +
            ": outcomes can't be written down, no further attempt until they can: " +
            synced.error().message()
        );
        retry_record_.expires_after(kRecordAgainAfter);
        co_await retry_record_.async_wait(asio::as_tuple(asio::use_awaitable));
        synced = claim_->record_again();
        if (synced) {
            synced = claim_->sync();
        }
    }
}

/// RFC 5321 4.5.4.1: give up after days; sooner where a rule says that more won't help.
void MessageDelivery::expire() {
    const WallTime now = services_.clock.now();
    const auto& states = claim_->journal().recipients;
    std::vector<spool::Record> records;
    for (std::uint32_t i = 0; i < states.size(); ++i) {
        const spool::RecipientState& state = states[i];
        if (!state.is_pending() ||
            !schedule::is_expired(
                envelope_.arrival, now, retry_, pending_recipient(services_.rules, state)
            )) {
            continue;
        }
        mail::RecipientOutcome outcome = given_up(
            state.last.value_or(mail::RecipientOutcome()),
            // From the future: nobody knows its age, only that it was tried often.
            envelope_.arrival > now || schedule::is_expired(envelope_.arrival, now, retry_)
        );
        log_outcome(i, outcome);
        records.emplace_back(spool::OutcomeRecord{i, now, std::move(outcome)});
    }
    if (!records.empty()) {
        append(records);
    }
}

bool MessageDelivery::has_pending() const {
    const auto& states = claim_->journal().recipients;
    return std::any_of(states.begin(), states.end(), [](const auto& state) {
        return state.is_pending();
    });
}

/// All delivered, nobody looking on or to be told: the removal says it all, and is synced with
/// others. It is possible on a disk that takes no record, and to keep the message could mean to
/// send it again.
bool MessageDelivery::is_removal_enough() const {
    if (finality_ != Finality::keep_trying || claim_->envelope().is_followed ||
        local_.has_copies()) {
        return false;
    }
    const auto& states = claim_->journal().recipients;
    for (std::uint32_t i = 0; i < states.size(); ++i) {
        if (!is_delivered(i)) {
            return false;
        }
    }
    return !reporting_.owes_success();
}

bool MessageDelivery::is_delivered(std::uint32_t recipient) const {
    const auto& last = claim_->journal().recipients[recipient].last;
    return last && last->kind == mail::OutcomeKind::delivered;
}

std::vector<schedule::PendingRecipient> MessageDelivery::pending_recipients() const {
    std::vector<schedule::PendingRecipient> pending;
    for (const spool::RecipientState& state : claim_->journal().recipients) {
        if (state.is_pending()) {
            pending.push_back(pending_recipient(services_.rules, state));
        }
    }
    return pending;
}

std::optional<spool::EntryName> MessageDelivery::finish(bool is_everything_reported) {
    const WallTime now = services_.clock.now();
    const spool::MessageId id = claim_->name().id;
    if (is_unattempted_ && has_pending()) {
        return claim_->name();  // as due as it was, for the engine that comes
    }
    if (!is_everything_reported || has_pending()) {
        auto due = to_seconds(now) + kReportAgainAfter;
        if (is_everything_reported) {
            due = schedule::next_due(
                pending_recipients(),
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
