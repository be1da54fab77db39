#include "deliver/forwarding.h"

#include <algorithm>
#include <array>

#include "base/base32.h"
#include "base/crc32c.h"
#include "base/text.h"
#include "deliver/local_message.h"

namespace mxpost::deliver {
namespace {

mail::LocalStep step_of(local::Leaf::Kind kind) {
    switch (kind) {
        case local::Leaf::Kind::user:
            return mail::LocalStep::user;
        case local::Leaf::Kind::mailbox:
            return mail::LocalStep::mailbox;
        case local::Leaf::Kind::programs:
            return mail::LocalStep::programs;
        default:
            return mail::LocalStep::alias;
    }
}

/// NOTIFY without SUCCESS. Who asked for success alone wants to hear of nothing else.
mail::NotifySet without_success(mail::NotifySet set) {
    const auto rest =
        static_cast<mail::NotifySet>(set & ~static_cast<mail::NotifySet>(mail::Notify::success));
    return set != 0 && rest == 0 ? static_cast<mail::NotifySet>(mail::Notify::never) : rest;
}

std::string key_of(const std::string& list, const mail::Recipient& recipient) {
    return list + "\n" + std::to_string(static_cast<int>(recipient.step)) + "\n" +
           std::to_string(recipient.notify) + "\n" + recipient.address.local_part() + "@" +
           ascii_lower(recipient.address.domain());
}

/// A message's body as it is stored: its content without fields, behind the empty line.
class StoredBody {
public:
    explicit StoredBody(spool::Claim& claim) : content_(claim.content("")) {}

    Result<std::size_t> read(std::span<char> buffer) {
        std::array<char, 2> gap;
        while (gap_left_ > 0) {
            const auto size = content_->read(std::span<char>(gap).first(gap_left_));
            if (!size || *size == 0) {
                return size;
            }
            gap_left_ -= *size;
        }
        return content_->read(buffer);
    }

private:
    std::unique_ptr<mail::Content> content_;
    std::size_t gap_left_ = 2;
};

}  // namespace

std::vector<mail::Recipient> heirs(
    const mail::Recipient& recipient, const std::vector<local::Leaf>& leaves, bool is_single
) {
    std::vector<mail::Recipient> result;
    for (const local::Leaf& leaf : leaves) {
        mail::Recipient heir(leaf.address);
        heir.step = step_of(leaf.kind);
        if (leaf.list.empty()) {
            heir.original_recipient = recipient.original_recipient;
            heir.notify = is_single ? recipient.notify : without_success(recipient.notify);
        }
        result.push_back(std::move(heir));
    }
    return result;
}

mail::Envelope envelope_of_copy(
    const mail::Envelope& original, const mail::Address& recipient, const std::string& list
) {
    mail::Envelope envelope = original;
    envelope.recipients.clear();
    envelope.is_followed = false;
    envelope.is_verbose = false;
    if (!list.empty() && envelope.sender) {
        envelope.sender = mail::Address("owner-" + list, recipient.domain());
    }
    if (!list.empty()) {
        envelope.dsn_return = mail::DsnReturn::unset;
        envelope.envelope_id.clear();
        envelope.error_mode = mail::ErrorMode::mail;
    }
    return envelope;
}

Forwarding::Forwarding(
    Services& services,
    Outbox& outbox,
    spool::Claim& claim,
    const mail::Envelope& envelope,
    const std::string& header
)
    : services_(services), outbox_(outbox), claim_(claim), envelope_(envelope), header_(header) {}

mail::RecipientOutcome Forwarding::forward(
    std::uint32_t recipient, const std::vector<local::Leaf>& leaves
) {
    const bool is_single = leaves.size() == 1 && leaves.front().list.empty();
    std::map<std::string, std::vector<local::Leaf>> by_list;
    for (const local::Leaf& leaf : leaves) {
        by_list[leaf.list].push_back(leaf);
    }
    const std::size_t held_before = held_.size();
    std::string ids;
    for (const auto& [list, members] : by_list) {
        const auto id = copy(recipient, list, members, is_single);
        if (!id) {
            withdraw(held_before);
            return {
                mail::OutcomeKind::deferred,
                {4, 3, 0},
                "the copy that is to go on can't be queued: " + id.error().message()};
        }
        ids += (ids.empty() || id->empty() ? "" : ", ") + *id;
    }
    mail::RecipientOutcome outcome(mail::OutcomeKind::delivered, {2, 0, 0}, "forwarded as " + ids);
    const bool is_owned =
        std::ranges::all_of(leaves, [](const local::Leaf& leaf) { return !leaf.list.empty(); });
    if (is_single) {
        outcome.success = mail::SuccessReport::passed_on;
    } else if (!is_owned) {
        outcome.success = mail::SuccessReport::expanded;
    }
    return outcome;
}

/// The recipient is tried again as a whole: nobody may have got it by then.
void Forwarding::withdraw(std::size_t from) {
    for (; held_.size() > from; held_.pop_back()) {
        const spool::MessageId id = held_.back()->name().id;
        std::erase_if(copied_, [&](const auto& copied) { return copied.second == id; });
        if (auto removed = held_.back()->remove(); !removed) {
            services_.log.error(
                claim_.name().id + ": can't withdraw the copy " + id + ": " +
                removed.error().message()
            );
        }
    }
}

/// The copy's id, or an earlier one's when all have got theirs by that.
Result<spool::MessageId> Forwarding::copy(
    std::uint32_t recipient,
    const std::string& list,
    const std::vector<local::Leaf>& leaves,
    bool is_single
) {
    const mail::Recipient& original = envelope_.recipients[recipient];
    mail::Envelope envelope = envelope_of_copy(envelope_, original.address, list);
    spool::MessageId id;
    for (mail::Recipient& heir : heirs(original, leaves, is_single)) {
        const auto earlier = copied_.find(key_of(list, heir));
        if (earlier != copied_.end()) {
            id = earlier->second;
            continue;
        }
        envelope.is_smtp_utf8 |= heir.address.needs_smtp_utf8();
        envelope.recipients.push_back(std::move(heir));
    }
    if (envelope.recipients.empty()) {
        return id;
    }
    id = copy_id(recipient, list);
    if (!outbox_.has_copy(id, claim_.submitter())) {
        envelope.arrival = services_.clock.now();
        const std::string header = delivered_to_field(original.address) + header_;
        StoredBody body(claim_);
        const spool::BodySource source = [&](std::span<char> buffer) {
            auto size = body.read(buffer);
            if (!size && spool::is_corrupt(size.error())) {
                content_problem_ = size.error().message();
            }
            return size;
        };
        auto queued = outbox_.submit_copy(id, envelope, header, source);
        if (!queued) {
            return queued.error();
        }
        held_.push_back(std::move(*queued));
    }
    for (const mail::Recipient& heir : envelope.recipients) {
        copied_.emplace(key_of(list, heir), id);
    }
    return id;
}

/// The same whenever it is reckoned.
spool::MessageId Forwarding::copy_id(std::uint32_t recipient, const std::string& list) const {
    constexpr std::size_t kTimeDigits = 11;
    const std::string& id = claim_.name().id;
    const std::string seed = id + "/copy/" + std::to_string(recipient) + "/" + list;
    const std::uint64_t hash = std::uint64_t{crc32c(0, seed)} << 32 | crc32c(1, seed);
    return id.substr(0, kTimeDigits) + to_base32(hash, id.size() - kTimeDigits);
}

void Forwarding::release() {
    for (auto& copy : held_) {
        outbox_.release(std::move(copy));
    }
    held_.clear();
}

}  // namespace mxpost::deliver
