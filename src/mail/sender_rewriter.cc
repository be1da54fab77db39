#include "mail/sender_rewriter.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "mail/ascii_header.h"

namespace mxpost::mail {
namespace {

constexpr std::string_view kOriginal = "X-Original-From";

using Change = std::function<std::optional<Address>(const Address&)>;

/// Says whether the field is another one now.
bool change_field(HeaderField& field, const Change& change) {
    std::string value = rewrite_address_field(field.value, change);
    if (value == field.value) {
        return false;
    }
    field.value = std::move(value);
    return true;
}

bool is_below(std::string_view name, std::string_view domain) {
    return name.size() > domain.size() && name.ends_with(domain) &&
           name[name.size() - domain.size() - 1] == '.';
}

}  // namespace

SenderRewriter::SenderRewriter(
    SenderMap map, const std::vector<std::string>& own_domains, Masquerade masquerade
)
    : map_(std::move(map)), masquerade_(std::move(masquerade)) {
    for (const std::string& domain : own_domains) {
        own_domains_.insert(ascii_lower(domain));
    }
}

Address SenderRewriter::rewrite(const Address& address) const {
    const bool is_own = own_domains_.contains(ascii_lower(address.domain()));
    return masquerade(map_.find(address, is_own).value_or(address));
}

Address SenderRewriter::masquerade(const Address& address) const {
    const std::string domain = ascii_lower(address.domain());
    for (const std::string_view entry : masquerade_.domains) {
        const bool is_excluded = entry.starts_with('!');
        const std::string_view parent = entry.substr(is_excluded ? 1 : 0);
        if (domain != parent && !is_below(domain, parent)) {
            continue;
        }
        const bool is_exempt =
            std::ranges::any_of(masquerade_.exceptions, [&](const std::string& user) {
                return ascii_iequals(user, address.local_part());
            });
        if (is_excluded || is_exempt || domain == parent) {
            return address;
        }
        return {address.local_part(), std::string(parent)};
    }
    return address;
}

ReversePath rewrite(const SenderRewriter& rewriter, ReversePath path) {
    return path ? ReversePath(rewriter.rewrite(*path)) : path;
}

bool rewrite_senders(HeaderBlock& header, const SenderRewriter& rewriter) {
    const auto changed = [](const Address& before, Address after) {
        return before == after ? std::nullopt : std::optional(std::move(after));
    };
    const Change sender = [&](const Address& address) {
        return changed(address, rewriter.rewrite(address));
    };
    const Change reply = [&](const Address& address) {
        return changed(address, rewriter.masquerade(address));
    };
    bool is_changed = false;
    std::string original;
    for (HeaderField& field : header.fields) {
        if (field.is("From")) {
            std::string before = field.value;
            if (change_field(field, sender)) {
                is_changed = true;
                original = std::move(before);
            }
        } else if (field.is("Sender") || field.is("Resent-From") || field.is("Resent-Sender")) {
            is_changed |= change_field(field, sender);
        } else if (field.is("Reply-To") || field.is("Resent-Reply-To")) {
            is_changed |= change_field(field, reply);
        }
    }
    if (original.empty()) {
        return is_changed;
    }
    std::erase_if(header.fields, [](const HeaderField& field) { return field.is(kOriginal); });
    const auto from = std::ranges::find_if(header.fields, [](const HeaderField& field) {
        return field.is("From");
    });
    // For people to read: an address beyond ASCII that was replaced mustn't need RFC 6531 here.
    header.fields.insert(
        from + 1, HeaderField(std::string(kOriginal), ascii_text(original, kOriginal.size() + 1))
    );
    return true;
}

}  // namespace mxpost::mail
