#include "diagnose/site_limits.h"

#include <algorithm>
#include <string>

#include "diagnose/data_file.h"

namespace mxpost::diagnose {
namespace {

void tighten_one(std::optional<std::uint32_t>& mine, const std::optional<std::uint32_t>& other) {
    if (other) {
        mine = mine ? std::min(*mine, *other) : *other;
    }
}

/// a/b < c/d without dividing.
bool is_slower(const Rate& a, const Rate& b) {
    return a.messages * b.interval.count() < b.messages * a.interval.count();
}

Result<Rate> parse_rate(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) {
        return Error::invalid("must be messages/duration such as 10/1m, not " + quoted(text));
    }
    const auto messages = parse_number(text.substr(0, slash));
    if (!messages) {
        return messages.error();
    }
    const auto interval = parse_delay(text.substr(slash + 1));
    if (!interval) {
        return interval.error();
    }
    return Rate{*messages, *interval};
}

}  // namespace

void SiteLimits::tighten(const SiteLimits& other) {
    tighten_one(max_sessions, other.max_sessions);
    tighten_one(messages_per_session, other.messages_per_session);
    tighten_one(recipients_per_transaction, other.recipients_per_transaction);
    if (other.rate && (!rate || is_slower(*other.rate, *rate))) {
        rate = other.rate;
    }
}

Result<bool> SiteLimits::set(std::string_view key, std::string_view value) {
    const auto fail = [&](const Error& error) {
        return Error::invalid(std::string(key) + " " + error.message());
    };
    if (key == "rate") {
        const auto parsed = parse_rate(value);
        if (!parsed) {
            return fail(parsed.error());
        }
        rate = *parsed;
        return true;
    }
    auto* const number = key == "sessions"     ? &max_sessions
                         : key == "messages"   ? &messages_per_session
                         : key == "recipients" ? &recipients_per_transaction
                                               : nullptr;
    if (number == nullptr) {
        return false;
    }
    const auto parsed = parse_number(value);
    if (!parsed) {
        return fail(parsed.error());
    }
    *number = *parsed;
    return true;
}

}  // namespace mxpost::diagnose
