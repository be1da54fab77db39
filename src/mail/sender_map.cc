#include "mail/sender_map.h"

#include <algorithm>

#include "base/text.h"

namespace mxpost::mail {
namespace {

constexpr std::size_t kMaxBad = 100;  // lines that are named

std::string quoted(std::string_view text) {
    return "\"" + printable(text, 128) + "\"";
}

Error bad_pattern(std::string_view pattern) {
    return Error::invalid(
        quoted(pattern) + " is no pattern (user@domain, user, user@*, @domain or *)"
    );
}

std::optional<std::string> parse_map_domain(std::string_view text) {
    // By way of an address, because a domain literal is a domain here, too.
    const auto address = parse_smtp_address("x@" + std::string(text));
    return address ? std::optional(address->domain()) : std::nullopt;
}

/// The one form of a pattern that SenderMap looks for.
Result<std::string> normal_pattern(std::string_view pattern) {
    const std::string_view rest = pattern.starts_with('*') ? pattern.substr(1) : pattern;
    if (pattern == "*" || rest == "@*") {
        return std::string("@*");
    }
    if (rest.starts_with('@')) {
        const auto domain = parse_map_domain(rest.substr(1));
        return domain ? Result<std::string>("@" + ascii_lower(*domain)) : bad_pattern(pattern);
    }
    const bool is_any_domain = pattern.ends_with("@*");
    const std::string_view user = is_any_domain ? pattern.substr(0, pattern.size() - 2) : pattern;
    // '*' may be in a user's name, but whoever writes "ro*" means something else.
    const bool is_partial = user.find('*') != std::string_view::npos && !user.starts_with('"');
    const auto address = parse_smtp_address(user);
    if (!address || is_partial || (is_any_domain && address->is_qualified())) {
        return bad_pattern(pattern);
    }
    return ascii_lower(address->text()) + (is_any_domain ? "@*" : "");
}

std::string_view without_comment(std::string_view line) {
    for (std::size_t at = 0; (at = line.find('#', at)) != std::string_view::npos; ++at) {
        if (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t') {
            return line.substr(0, at);
        }
    }
    return line;
}

Result<void> add_line(SenderMap& map, std::string_view line) {
    constexpr std::string_view kSpace = " \t";
    const std::size_t gap = std::min(line.find_first_of(kSpace), line.size());
    std::string_view pattern = line.substr(0, gap);
    std::string_view replacement = trim(line.substr(gap));
    if (pattern.size() > 1 && pattern.ends_with(':')) {
        pattern.remove_suffix(1);  // as /etc/email-addresses and aliases(5) write it
    }
    if (replacement.empty()) {
        return Error::invalid(quoted(pattern) + " has no address to become");
    }
    if (replacement.find_first_of(kSpace) != std::string_view::npos) {
        return Error::invalid("more than a pattern and an address: " + quoted(line));
    }
    return map.add(pattern, replacement);
}

}  // namespace

Result<void> SenderMap::add(std::string_view pattern, std::string_view replacement) {
    auto key = normal_pattern(pattern);
    if (!key) {
        return key.error();
    }
    Address target;
    if (replacement.starts_with('@')) {
        if (auto domain = parse_map_domain(replacement.substr(1))) {
            target = Address("", std::move(*domain));
        }
    } else if (auto address = parse_smtp_address(replacement); address && address->is_qualified()) {
        target = std::move(*address);
    }
    if (!target.is_qualified()) {
        return Error::invalid(
            quoted(replacement) + " is no address with a domain, and no \"@domain\""
        );
    }
    if (!rules_.emplace(std::move(*key), std::move(target)).second) {
        return Error::invalid(quoted(pattern) + " stands further up already, that line counts");
    }
    return {};
}

std::optional<Address> SenderMap::find(const Address& address, bool is_own) const {
    const std::string user = ascii_lower(address.local_part());
    const std::string domain = "@" + ascii_lower(address.domain());
    const auto look_up = [&](const std::string& key) {
        const auto found = rules_.find(key);
        return found == rules_.end() ? nullptr : &found->second;
    };
    const Address* target = address.is_qualified() ? look_up(user + domain) : nullptr;
    if (target == nullptr && (is_own || !address.is_qualified())) {
        target = look_up(user);
    }
    if (target == nullptr) {
        target = look_up(user + "@*");
    }
    if (target == nullptr && address.is_qualified()) {
        target = look_up(domain);
    }
    if (target == nullptr) {
        target = look_up("@*");
    }
    if (target == nullptr) {
        return std::nullopt;
    }
    return target->local_part().empty() ? Address(address.local_part(), target->domain()) : *target;
}

ParsedSenderMap parse_sender_map(std::string_view text) {
    ParsedSenderMap parsed;
    std::size_t number = 0;
    for (const std::string_view whole : split(text, '\n')) {
        ++number;
        const std::string_view line = trim(without_comment(whole));
        if (line.empty()) {
            continue;
        }
        if (const auto added = add_line(parsed.map, line); !added && parsed.bad.size() < kMaxBad) {
            parsed.bad.push_back({number, added.error().message()});
        }
    }
    return parsed;
}

}  // namespace mxpost::mail
