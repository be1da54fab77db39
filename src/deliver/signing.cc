#include "deliver/signing.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/text.h"
#include "dkim/signed_content.h"
#include "route/domain_name.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::minutes kComplainAgain{10};
constexpr std::size_t kMostComplaints = 20;
constexpr std::size_t kSlice = std::size_t{256} << 10;  // under a millisecond

dkim::SignOptions sign_options(const config::Settings& settings) {
    dkim::SignOptions options;
    options.canonicalization = dkim::parse_canonicalization(settings.dkim_canonicalization)
                                   .value_or(dkim::Canonicalization());
    options.lifetime = settings.dkim_lifetime;
    return options;
}

std::string joined(const std::vector<dkim::KeyProblem>& problems) {
    std::string text;
    for (const dkim::KeyProblem& problem : problems) {
        text += (text.empty() ? "" : "; ") + problem.text;
    }
    return text;
}

}  // namespace

std::vector<dkim::KeyEntry> key_entries(const config::Settings& settings) {
    std::vector<dkim::KeyEntry> entries;
    for (const config::DkimKey& key : settings.dkim) {
        const auto domain = route::to_a_labels(key.domain);
        entries.push_back({domain.value_or(key.domain), key.is_below, key.selector, key.path});
    }
    return entries;
}

std::unique_ptr<Signing> Signing::make(
    FileSystem& files,
    const Clock& clock,
    Log& log,
    const config::Settings& settings,
    bool is_system_engine
) {
    return settings.dkim.empty()
               ? nullptr
               : std::unique_ptr<Signing>(new Signing(files, clock, log, settings, is_system_engine)
                 );
}

Signing::Signing(
    FileSystem& files,
    const Clock& clock,
    Log& log,
    const config::Settings& settings,
    bool is_system_engine
)
    : clock_(clock),
      log_(log),
      may_go_unsigned_(settings.dkim_failure == config::DkimFailure::send),
      is_system_engine_(is_system_engine),
      options_(sign_options(settings)),
      ring_(files, clock, key_entries(settings)) {}

Signing::Decision Signing::decide(std::string_view header) {
    Decision decision;
    const auto domain = route::to_a_labels(dkim::from_domain(header));
    if (!domain) {
        return decision;
    }
    dkim::KeyChoice choice = ring_.choose(*domain);
    for (const std::string& warning : choice.warnings) {
        log_.warning(warning);
    }
    decision.keys = std::move(choice.keys);
    if (!decision.keys.empty() || !choice.is_meant) {
        if (!choice.problems.empty()) {
            complain(joined(choice.problems) + "; mail from " + *domain + " is signed without it");
        }
        return decision;
    }
    const std::string problem = joined(choice.problems);
    if (may_go_unsigned_) {
        complain(problem + "; mail from " + *domain + " leaves unsigned");
        return decision;
    }
    const bool is_for_another_engine =
        !is_system_engine_ && std::ranges::all_of(choice.problems, &dkim::KeyProblem::is_forbidden);
    if (is_for_another_engine) {
        decision.deferral = mail::RecipientOutcome(
            mail::OutcomeKind::deferred,
            {4, 7, 0},
            "waits for the system engine, which can read the DKIM key of " + *domain +
                " (systemctl enable --now mxpost): " + problem
        );
        return decision;
    }
    complain(problem + "; mail from " + *domain + " waits");
    decision.deferral = mail::RecipientOutcome(
        mail::OutcomeKind::deferred, {4, 3, 5}, "it can't be signed: " + problem
    );
    return decision;
}

Result<std::string> Signing::sign(
    mail::Content& content, const std::vector<dkim::SigningKey>& keys
) {
    return or_unsigned(dkim::sign(content, keys, options_now()));
}

std::unique_ptr<dkim::Signer> Signing::begin() const {
    return std::make_unique<dkim::Signer>(options_now());
}

Result<std::string> Signing::finish(
    dkim::Signer& signer, const std::vector<dkim::SigningKey>& keys
) {
    return or_unsigned(signer.finish(keys));
}

dkim::SignOptions Signing::options_now() const {
    dkim::SignOptions options = options_;
    options.now = to_seconds(clock_.now());
    return options;
}

Result<std::string> Signing::or_unsigned(Result<std::string> fields) {
    if (!fields && fields.error().is(EKEYREJECTED) && may_go_unsigned_) {
        complain(fields.error().message() + "; mail leaves unsigned");
        return std::string();
    }
    return fields;
}

/// Each thing once in a while.
void Signing::complain(const std::string& text) {
    const SteadyTime now = clock_.steady_now();
    std::erase_if(complaints_, [&](const Complaint& complaint) {
        return now - complaint.time >= kComplainAgain;
    });
    const bool is_told =
        std::ranges::find(complaints_, text, &Complaint::text) != complaints_.end();
    if (is_told || complaints_.size() >= kMostComplaints) {
        return;
    }
    complaints_.push_back({text, now});
    log_.error(text);
}

std::optional<mail::RecipientOutcome> MessageSigner::prepare(std::string_view header) {
    if (signing_ == nullptr) {
        return std::nullopt;
    }
    if (!decision_) {
        decision_ = signing_->decide(header);
    }
    return decision_->deferral;
}

asio::awaitable<void> MessageSigner::sign_ahead(std::unique_ptr<mail::Content> content) {
    if (!decision_ || decision_->keys.empty() || fields_[0] || !content->rewind()) {
        co_return;
    }
    const auto executor = co_await asio::this_coro::executor;
    const std::unique_ptr<dkim::Signer> signer = signing_->begin();
    std::string buffer(kSlice, '\0');
    for (;;) {
        const auto size = content->read(buffer);
        if (!size) {
            co_return;
        }
        if (*size == 0) {
            break;
        }
        signer->feed(std::string_view(buffer).substr(0, *size));
        co_await asio::post(executor, asio::use_awaitable);
    }
    auto fields = signing_->finish(*signer, decision_->keys);
    if (fields) {
        fields_[0] = std::move(*fields);
    }
}

Result<std::unique_ptr<mail::Content>> MessageSigner::sign(
    std::unique_ptr<mail::Content> content, bool is_recoded
) {
    if (!decision_ || decision_->keys.empty()) {
        return content;
    }
    std::optional<std::string>& fields = fields_.at(is_recoded ? 1 : 0);
    if (!fields) {
        auto made = signing_->sign(*content, decision_->keys);
        if (!made) {
            return made.error();
        }
        fields = std::move(*made);
    }
    return std::unique_ptr<mail::Content>(
        std::make_unique<dkim::SignedContent>(*fields, std::move(content))
    );
}

}  // namespace mxpost::deliver
