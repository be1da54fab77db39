#include "deliver/local_delivery.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "deliver/domain_pattern.h"
#include "deliver/lmtp.h"
#include "deliver/local_message.h"
#include "deliver/remote_attempt.h"
#include "deliver/tls_wish.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

using Kind = local::Leaf::Kind;

mail::RecipientOutcome deferred(mail::EnhancedStatus status, std::string text) {
    return {mail::OutcomeKind::deferred, status, std::move(text)};
}

local::RequestKind request_kind(Kind kind) {
    switch (kind) {
        case Kind::mailbox:
            return local::RequestKind::mailbox;
        case Kind::programs:
            return local::RequestKind::alias_entry;
        default:
            return local::RequestKind::user;
    }
}

/// Where a recipient that has come some way already goes on.
std::optional<local::Leaf> leaf_of(const mail::Recipient& recipient) {
    switch (recipient.step) {
        case mail::LocalStep::user:
            return local::Leaf{Kind::user, recipient.address, {}};
        case mail::LocalStep::mailbox:
            return local::Leaf{Kind::mailbox, recipient.address, {}};
        case mail::LocalStep::programs:
            return local::Leaf{Kind::programs, recipient.address, {}};
        case mail::LocalStep::alias:
            break;
    }
    return std::nullopt;
}

/// The worse of two: what has failed for good is told, what waits is tried again.
void fold(std::optional<mail::RecipientOutcome>& all, mail::RecipientOutcome one) {
    if (!all || static_cast<int>(one.kind) > static_cast<int>(all->kind)) {
        all = std::move(one);
    }
}

}  // namespace

const mail::Address& destination(const Services& services, const mail::Address& address) {
    const bool is_sent_on = services.local_mail_to && is_local(services, address);
    return is_sent_on ? *services.local_mail_to : address;
}

bool is_local(const Services& services, const mail::Address& address) {
    const std::string domain = dns_form(address.domain());
    return !address.is_qualified() || services.router.is_own_literal(address.domain()) ||
           std::ranges::find(services.local_domains, domain, &dns_form) !=
               services.local_domains.end();
}

std::string user_name(const mail::Address& address) {
    const std::string name = ascii_lower(local::unquoted_name(address.local_part()));
    const std::size_t plus = name.find('+');
    return plus == 0 ? name : name.substr(0, plus);
}

LocalDelivery::LocalDelivery(
    Services& services,
    Outbox& outbox,
    spool::Claim& claim,
    const mail::Envelope& envelope,
    const std::string& header,
    HeaderedSource source,
    Finality finality
)
    : services_(services),
      claim_(claim),
      envelope_(envelope),
      header_(header),
      source_(std::move(source)),
      finality_(finality),
      forwarding_(services, outbox, claim, envelope, header) {}

asio::awaitable<AttemptResult> LocalDelivery::run(
    std::vector<std::uint32_t> recipients, DialogueLog& dialogue
) {
    services_.aliases.refresh();
    AttemptResult result;
    for (const std::uint32_t recipient : recipients) {
        if (is_stopping_) {
            result.is_unattempted = true;
            break;
        }
        mail::RecipientOutcome outcome = co_await deliver(recipient, dialogue);
        if (is_unattempted_) {
            result.is_unattempted = true;
            break;
        }
        if (!forwarding_.content_problem().empty()) {
            content_problem_ = forwarding_.content_problem();
        }
        if (!content_problem_.empty()) {
            break;
        }
        if (on_settled_ && recipient != recipients.back() && !on_settled_(recipient, outcome)) {
            result.is_unattempted = true;  // the others
            break;
        }
        result.outcomes.push_back(std::move(outcome));
    }
    result.content_problem = content_problem_;
    co_return result;
}

asio::awaitable<mail::RecipientOutcome> LocalDelivery::deliver(
    std::uint32_t recipient, DialogueLog& dialogue
) {
    const mail::Recipient& addressee = envelope_.recipients[recipient];
    if (const auto leaf = leaf_of(addressee)) {
        std::vector<local::Leaf> leaves = {*leaf};
        co_return co_await deliver_leaves(recipient, std::move(leaves), dialogue);
    }
    local::AliasExpander expander(
        services_.aliases,
        [this](const mail::Address& address) { return is_local(services_, address); },
        services_.settings.max_recipients
    );
    local::Expansion expansion = expander.expand(addressee.address);
    for (const std::string& warning : expansion.warnings) {
        services_.log.warning(claim_.name().id + ": " + warning);
    }
    if (expansion.problem) {
        co_return *expansion.problem;
    }
    if (expansion.is_alias) {
        if (const auto looped = loop(recipient)) {
            co_return *looped;
        }
    }
    std::vector<local::Leaf> leaves = std::move(expansion.leaves);
    mail::RecipientOutcome outcome =
        co_await deliver_leaves(recipient, std::move(leaves), dialogue);
    if (expansion.may_become_alias && outcome.kind == mail::OutcomeKind::failed) {
        co_return deferred({4, 3, 5}, "the alias file is being changed; else: " + outcome.text);
    }
    if (!addressee.address.is_qualified() && outcome.kind == mail::OutcomeKind::deferred) {
        co_return deferred(
            outcome.status,
            "this host has no full name to complete the address with (set host-name or from-domain "
            "in mxpost.conf), so it is a user here; " +
                outcome.text
        );
    }
    co_return outcome;
}

/// A message that came from here and came back.
std::optional<mail::RecipientOutcome> LocalDelivery::loop(std::uint32_t recipient) const {
    const mail::Address& address = envelope_.recipients[recipient].address;
    if (!was_delivered_to(header_, address)) {
        return std::nullopt;
    }
    return mail::RecipientOutcome(
        mail::OutcomeKind::failed, {5, 4, 6}, "mail forwarding loop for " + address.text()
    );
}

asio::awaitable<mail::RecipientOutcome> LocalDelivery::deliver_leaves(
    std::uint32_t recipient, std::vector<local::Leaf> leaves, DialogueLog& dialogue
) {
    std::erase_if(leaves, [](const local::Leaf& leaf) { return leaf.kind == Kind::discard; });
    if (leaves.empty()) {
        co_return mail::RecipientOutcome(
            mail::OutcomeKind::delivered, {2, 0, 0}, "discarded: the alias leads to /dev/null"
        );
    }
    const local::Leaf& first = leaves.front();
    if (leaves.size() == 1 && first.kind != Kind::elsewhere && first.list.empty()) {
        local::Leaf leaf = first;
        co_return co_await deliver_here(recipient, std::move(leaf), dialogue);
    }
    if (finality_ == Finality::single_attempt) {
        co_return co_await send_now(recipient, std::move(leaves), dialogue);
    }
    co_return forwarding_.forward(recipient, leaves);
}

asio::awaitable<mail::RecipientOutcome> LocalDelivery::deliver_here(
    std::uint32_t recipient, local::Leaf leaf, DialogueLog& dialogue
) {
    std::string name = request_name(leaf);
    RequestMaker make = [this, recipient, &leaf] {
        auto request = make_request(recipient, leaf);
        if (!request && spool::is_corrupt(request.error())) {
            content_problem_ = request.error().message();
        }
        return request;
    };
    local::Answer answer = co_await services_.local_agent.deliver(std::move(name), std::move(make));
    is_unattempted_ |= answer.outcome.is_untried;
    // A target that has failed takes nothing from the others, but is what the sender hears of.
    std::optional<mail::RecipientOutcome> all = answer.outcome;
    if (answer.wants_mailbox) {
        local::Leaf mailbox = leaf;
        mail::RecipientOutcome handed =
            co_await hand_to_server(recipient, std::move(mailbox), dialogue);
        if (handed.kind == mail::OutcomeKind::deferred ||
            all->kind == mail::OutcomeKind::delivered) {
            all = std::move(handed);
        }
    }
    if (all->kind == mail::OutcomeKind::deferred || answer.forwards.empty()) {
        co_return std::move(*all);
    }
    if (const auto looped = loop(recipient)) {
        co_return *looped;
    }
    std::vector<local::Leaf> leaves;
    for (mail::Address& address : answer.forwards) {
        const bool is_whole = address.is_qualified();
        leaves.push_back(
            {Kind::elsewhere,
             is_whole ? std::move(address)
                      : mail::Address(address.local_part(), leaf.address.domain()),
             {}}
        );
    }
    mail::RecipientOutcome sent;
    if (finality_ == Finality::single_attempt) {
        sent = co_await send_now(recipient, std::move(leaves), dialogue);
    } else {
        sent = forwarding_.forward(recipient, leaves);
    }
    const bool has_failed = all->kind == mail::OutcomeKind::failed;
    if (has_failed && sent.kind == mail::OutcomeKind::delivered) {
        co_return std::move(*all);
    }
    co_return sent;
}

/// The mailbox is an LMTP server's: what the setting `mailbox` names.
asio::awaitable<mail::RecipientOutcome> LocalDelivery::hand_to_server(
    std::uint32_t recipient, local::Leaf leaf, DialogueLog& dialogue
) {
    auto server = LmtpServer::parse(services_.settings.mailbox.path);
    if (services_.settings.mailbox.kind != mail::MailboxKind::lmtp || !server) {
        co_return deferred({4, 3, 5}, "mailboxes are behind an LMTP server, but none is set");
    }
    mail::Recipient addressee = envelope_.recipients[recipient];
    addressee.address = leaf.address;
    std::vector<mail::Recipient> recipients = {std::move(addressee)};
    Consignment consignment = consign(envelope_, header_, std::move(recipients), dialogue);
    AttemptResult result =
        co_await attempt_lmtp(services_, std::move(*server), std::move(consignment));
    is_unattempted_ |= result.is_unattempted;
    if (!result.content_problem.empty()) {
        content_problem_ = result.content_problem;
    }
    co_return std::move(result.outcomes.front());
}

/// The user, or the alias under the name that it has in the file.
std::string LocalDelivery::request_name(const local::Leaf& leaf) {
    if (leaf.kind != Kind::programs) {
        return user_name(leaf.address);
    }
    const std::string name = ascii_lower(local::unquoted_name(leaf.address.local_part()));
    const std::string whole = name + "@" + ascii_lower(leaf.address.domain());
    const auto alias = services_.aliases.find(whole);
    return alias && *alias != nullptr ? whole : name;
}

Result<local::Request> LocalDelivery::make_request(
    std::uint32_t recipient, const local::Leaf& leaf
) {
    const mail::Address& original = envelope_.recipients[recipient].address;
    LocalTrace trace;
    trace.sender = envelope_.sender;
    trace.delivered_to = leaf.address;
    trace.original_to = original;
    auto content = source_(local_header(header_, trace), false);
    if (!content) {
        return content.error();
    }
    auto message = make_local_message(services_.files, **content);
    if (!message) {
        return message.error();
    }
    local::Request request;
    request.kind = request_kind(leaf.kind);
    request.name = request_name(leaf);
    request.recipient = leaf.address.text();
    request.original_recipient = original.text();
    request.sender = mail::path_text(envelope_.sender);
    request.message_id = claim_.name().id;
    request.message = std::move(*message);
    return request;
}

/// Without a queue nothing can go on as a message of its own: each leaf is tried, and the recipient
/// has the message when all of them have it.
asio::awaitable<mail::RecipientOutcome> LocalDelivery::send_now(
    std::uint32_t recipient, std::vector<local::Leaf> leaves, DialogueLog& dialogue
) {
    const mail::Recipient& original = envelope_.recipients[recipient];
    std::optional<mail::RecipientOutcome> all;
    std::map<std::string, mail::Envelope> by_destination;
    for (const local::Leaf& leaf : leaves) {
        if (leaf.kind != Kind::elsewhere || is_local(services_, leaf.address)) {
            local::Leaf here = leaf;
            here.kind = leaf.kind == Kind::elsewhere ? Kind::user : leaf.kind;
            mail::RecipientOutcome outcome =
                co_await deliver_here(recipient, std::move(here), dialogue);
            fold(all, std::move(outcome));
            continue;
        }
        const std::string key = leaf.list + "@" + ascii_lower(leaf.address.domain());
        const auto [at, is_new] = by_destination.try_emplace(
            key, envelope_of_copy(envelope_, original.address, leaf.list)
        );
        const std::vector<local::Leaf> one = {leaf};
        std::ranges::move(
            heirs(original, one, leaves.size() == 1), std::back_inserter(at->second.recipients)
        );
    }
    for (auto& [key, envelope] : by_destination) {
        mail::Envelope part = std::move(envelope);
        mail::Address delivered_to = original.address;
        mail::RecipientOutcome outcome =
            co_await send_elsewhere(std::move(part), std::move(delivered_to), dialogue);
        fold(all, std::move(outcome));
    }
    co_return all.value();
}

Consignment LocalDelivery::consign(
    const mail::Envelope& envelope,
    const std::string& header,
    std::vector<mail::Recipient> recipients,
    DialogueLog& dialogue
) const {
    Consignment consignment(
        envelope,
        std::move(recipients),
        [this, header](bool to_seven_bit) { return source_(header, to_seven_bit); },
        dialogue,
        {claim_.submitter(), claim_.name().id}
    );
    consignment.is_urgent = is_urgent_;
    return consignment;
}

asio::awaitable<mail::RecipientOutcome> LocalDelivery::send_elsewhere(
    mail::Envelope envelope, mail::Address delivered_to, DialogueLog& dialogue
) {
    const std::string header = delivered_to_field(delivered_to) + header_;
    std::vector<mail::Recipient> recipients = envelope.recipients;
    Way way = Way::direct;
    if (services_.relay != nullptr) {
        const std::string domain = ascii_lower(recipients.front().address.domain());
        way = services_.relay->choose(domain, services_.clock.steady_now());
    }
    Consignment consignment = consign(envelope, header, std::move(recipients), dialogue);
    consignment.tls_wish = tls_wish(envelope, header);
    AttemptResult result = co_await attempt_remote(services_, way, std::move(consignment));
    if (!result.content_problem.empty()) {
        content_problem_ = result.content_problem;
    }
    std::optional<mail::RecipientOutcome> all;
    for (mail::RecipientOutcome& outcome : result.outcomes) {
        fold(all, std::move(outcome));
    }
    co_return all.value();
}

}  // namespace mxpost::deliver
