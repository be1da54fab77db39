#include "deliver/domain_attempt.h"

#include <algorithm>

#include "base/text.h"
#include "route/domain_name.h"
#include "spool/message_file.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

/// Addresses tried in one attempt, however many the MXs have: RFC 5321 5.1 asks for at least two.
constexpr std::size_t kMaxTried = 10;
/// No further host is begun after this long.
constexpr std::chrono::minutes kMaxHostsTime{15};

/// Remembers why reading failed: a disk that can't be read now is no reason to set a message aside.
class WatchedContent final : public mail::Content {
public:
    explicit WatchedContent(std::unique_ptr<mail::Content> content)
        : content_(std::move(content)) {}

    std::uint64_t size() const override { return content_->size(); }
    bool is_eight_bit() const override { return content_->is_eight_bit(); }
    Result<void> rewind() override {
        auto done = content_->rewind();
        if (!done) {
            error_ = done.error();
        }
        return done;
    }
    Result<std::size_t> read(std::span<char> buffer) override {
        auto got = content_->read(buffer);
        if (!got) {
            error_ = got.error();
        }
        return got;
    }
    const std::optional<Error>& error() const { return error_; }

private:
    std::unique_ptr<mail::Content> content_;
    std::optional<Error> error_;
};

}  // namespace

DomainAttempt::DomainAttempt(
    Services& services,
    std::unique_ptr<Destination> destination,
    const mail::Envelope& envelope,
    std::vector<mail::Recipient> recipients,
    ContentSource source,
    DialogueLog& dialogue
)
    : services_(services),
      destination_(std::move(destination)),
      envelope_(envelope),
      recipients_(std::move(recipients)),
      source_(std::move(source)),
      dialogue_(dialogue) {
    const mail::RecipientOutcome nothing_tried(
        mail::OutcomeKind::deferred, {4, 4, 1}, "no host could be tried"
    );
    result_.outcomes.assign(recipients_.size(), nothing_tried);
    for (std::size_t i = 0; i < recipients_.size(); ++i) {
        recipients_[i].address = route::with_a_labels(recipients_[i].address);
        open_.push_back(i);
    }
}

DomainAttempt::DomainAttempt(
    Services& services,
    const mail::Envelope& envelope,
    std::vector<mail::Recipient> recipients,
    ContentSource source,
    DialogueLog& dialogue
)
    : DomainAttempt(
          services,
          std::make_unique<MxDestination>(services, recipients.front().address.domain()),
          envelope,
          recipients,
          std::move(source),
          dialogue
      ) {}

asio::awaitable<AttemptResult> DomainAttempt::run() {
    const NextHopResult found = co_await destination_->find();
    if (const auto* outcome = std::get_if<mail::RecipientOutcome>(&found)) {
        dialogue_.note(outcome->text);
        note_trouble(*outcome);
        co_return std::move(result_);
    }
    const auto& hop = std::get<NextHop>(found);
    site_ = hop.site;
    const std::shared_ptr<Site> site = services_.sites.at(hop.site);
    // Never the other way round, or sessions of a slow site could hold all the permits of the rest.
    const Semaphore::Permit slot = co_await site->slots().acquire();
    const Semaphore::Permit session = co_await services_.sites.sessions().acquire();
    while (!is_done()) {
        auto warm = site->take_idle();
        if (!warm) {
            break;
        }
        co_await transact(std::move(warm), *site);
    }
    if (!is_done()) {
        co_await try_hosts(hop, *site);
    }
    co_return std::move(result_);
}

asio::awaitable<void> DomainAttempt::try_hosts(const NextHop& hop, Site& site) {
    const SteadyTime begun = services_.clock.steady_now();
    std::size_t left = kMaxTried;
    std::vector<std::vector<smtp::Peer>> groups = groups_of_equal_preference(hop.peers);
    for (std::vector<smtp::Peer>& peers : groups) {
        peers.resize(std::min(peers.size(), left));
        left -= peers.size();
        while (!peers.empty()) {
            const bool is_late = services_.clock.steady_now() - begun > kMaxHostsTime;
            if (is_done() || is_late) {
                co_return;
            }
            auto warm = co_await open_session(peers, hop.session);
            if (warm) {
                co_await transact(std::move(warm), site);
            }
        }
    }
}

/// A session that is ready for MAIL with one of `peers`; null: the trouble is noted. Takes away
/// those that are done with, at least one.
asio::awaitable<std::unique_ptr<WarmSession>> DomainAttempt::open_session(
    std::vector<smtp::Peer>& peers, smtp::SessionSettings settings
) {
    auto warm = std::make_unique<WarmSession>();
    warm->dialogue = std::make_unique<DialogueSwitch>();
    warm->dialogue->point_to(&dialogue_);
    warm->session = std::make_unique<smtp::Session>(
        services_.executor, std::move(settings), warm->dialogue.get()
    );
    dialogue_.note("connecting to " + peers.front().text());
    auto trouble = co_await warm->session->connect(peers);
    const auto& failed = warm->session->failed_connects();
    const std::size_t given = peers.size();
    std::erase_if(peers, [&](const smtp::Peer& peer) {
        return peer == warm->session->peer() ||
               std::ranges::find(failed, peer, &smtp::FailedConnect::peer) != failed.end();
    });
    if (peers.size() == given) {
        peers.clear();
    }
    if (trouble) {
        const bool is_tried = reach_ == Reach::untried && warm->session->has_route();
        reach_ = is_tried ? Reach::unreachable : reach_;
    } else {
        reach_ = Reach::connected;
        trouble = co_await greet(*warm->session);
    }
    if (trouble) {
        note_trouble(*trouble);
        if (warm->session->are_credentials_refused()) {
            destination_->credentials_refused(*trouble);
            open_.clear();  // its other addresses would say the same, and lock the account
        }
        warm->session->close();
        co_return nullptr;
    }
    co_return warm;
}

asio::awaitable<std::optional<mail::RecipientOutcome>> DomainAttempt::greet(smtp::Session& session
) {
    const auto local = session.local_address();
    std::string name = "localhost";
    if (local && services_.helo_name != nullptr) {
        name = co_await services_.helo_name->find(*local);
    } else if (local) {
        name = route::address_literal(*local);
    } else if (services_.helo_name != nullptr) {
        name = services_.helo_name->find_for_socket();
    }
    co_return co_await session.greet(std::move(name));
}

asio::awaitable<void> DomainAttempt::transact(std::unique_ptr<WarmSession> warm, Site& site) {
    reach_ = Reach::connected;
    warm->dialogue->point_to(&dialogue_);
    std::vector<std::size_t> left = open_;
    while (!left.empty() && result_.content_problem.empty()) {
        const std::size_t size = std::min(left.size(), warm->session->max_recipients());
        const auto middle = left.begin() + static_cast<std::ptrdiff_t>(size);
        const std::vector<std::size_t> chunk(left.begin(), middle);
        left.erase(left.begin(), middle);
        auto source = source_(!warm->session->capabilities().has_eight_bit_mime);
        if (!source) {
            note_content_trouble(source.error());
            break;
        }
        WatchedContent content(std::move(*source));
        std::vector<mail::Recipient> recipients;
        for (const std::size_t index : chunk) {
            recipients.push_back(recipients_[index]);
        }
        smtp::Transaction transaction(envelope_, std::move(recipients));
        if (transaction.sender) {
            transaction.sender = route::with_a_labels(*transaction.sender);
        }
        const smtp::TransactionResult result =
            co_await warm->session->send(std::move(transaction), content);
        ++warm->messages;
        if (content.error()) {
            note_content_trouble(*content.error());
            break;
        }
        apply(chunk, result);
        if (!result.is_session_usable) {
            break;
        }
    }
    if (warm->session->is_idle_healthy() && result_.content_problem.empty()) {
        services_.sites.give_back(site, std::move(warm));
    }
}

void DomainAttempt::apply(
    const std::vector<std::size_t>& chunk, const smtp::TransactionResult& result
) {
    if (result.is_content_bad) {
        result_.content_problem = result.content_problem;
        return;
    }
    for (std::size_t i = 0; i < chunk.size(); ++i) {
        const mail::RecipientOutcome& outcome = result.outcomes[i];
        const bool stays_open = outcome.kind == mail::OutcomeKind::deferred &&
                                (result.may_try_next_host || result.is_session_stale);
        result_.outcomes[chunk[i]] = outcome;
        if (!stays_open) {
            std::erase(open_, chunk[i]);
        }
    }
}

/// The message file: not what was submitted, or not to be read at present.
void DomainAttempt::note_content_trouble(const Error& error) {
    if (spool::is_corrupt(error)) {
        result_.content_problem = error.message();
        return;
    }
    note_trouble(mail::RecipientOutcome(
        mail::OutcomeKind::deferred, {4, 3, 0}, "the message can't be read: " + error.message()
    ));
    open_.clear();
}

/// What holds for everybody unless another host does better. Of two hosts' troubles the one that
/// may pass counts: RFC 5321 5.1 wants all hosts tried before mail is returned.
void DomainAttempt::note_trouble(const mail::RecipientOutcome& outcome) {
    for (const std::size_t index : open_) {
        mail::RecipientOutcome& noted = result_.outcomes[index];
        if (!has_trouble_ || noted.kind == mail::OutcomeKind::failed ||
            outcome.kind == mail::OutcomeKind::deferred) {
            noted = outcome;
        }
    }
    has_trouble_ = true;
}

}  // namespace mxpost::deliver
