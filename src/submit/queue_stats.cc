#include "submit/queue_stats.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace mxpost::submit {
namespace {

/// Hostile recipients could name a domain each.
constexpr std::size_t kMostDestinations = 50'000;
constexpr std::size_t kDomainWidth = 30;
constexpr std::size_t kNumberWidth = 7;
constexpr std::array<const char*, kAgeBounds.size() + 1> kAgeTitles = {
    "<5m", "<20m", "<1h", "<4h", "<1d", "<2d", "older"};

void count_into(
    DestinationStats& stats, const spool::RecipientState& state, WallTime arrival, WallTime now
) {
    ++stats.recipients;
    const auto* const bound = std::ranges::find_if(kAgeBounds, [&](std::chrono::minutes limit) {
        return now - arrival < limit;
    });
    ++stats.ages.at(static_cast<std::size_t>(bound - kAgeBounds.begin()));
    stats.oldest = std::min(stats.oldest, arrival);
    if (!state.last) {
        return;
    }
    ++stats.deferred;
    if (stats.last_reply.empty() || state.last_time > stats.last_time) {
        stats.last_time = state.last_time;
        stats.last_reply = printable(mail::reply_text(*state.last), 200);
        stats.last_host = printable(ascii_lower(state.last->remote_host), 255);
    }
}

std::string right(std::string text, std::size_t width) {
    return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

std::string text_row(const std::string& name, const DestinationStats& stats, WallTime now) {
    std::string line = fitted(name, std::max(kDomainWidth, name.size() + 1));
    line += right(std::to_string(stats.recipients), kNumberWidth);
    for (const std::uint64_t count : stats.ages) {
        line += right(std::to_string(count), kNumberWidth);
    }
    const auto age =
        stats.recipients == 0
            ? std::chrono::seconds(0)
            : std::chrono::floor<std::chrono::seconds>(now - std::min(now, stats.oldest));
    line += right(short_age(age), kNumberWidth);
    if (!stats.last_reply.empty()) {
        line += "  " + stats.last_reply;
        line += stats.last_host.empty() ? "" : " (" + stats.last_host + ")";
    }
    return line;
}

JsonObject json_row(const DestinationStats& stats) {
    JsonObject object;
    object.number("recipients", stats.recipients).number("deferred", stats.deferred);
    JsonArray ages;
    for (const std::uint64_t count : stats.ages) {
        ages.add(std::to_string(count));
    }
    object.raw("ages", ages.end());
    if (stats.recipients > 0) {
        object.time("oldest", to_seconds(stats.oldest));
    }
    if (!stats.last_reply.empty()) {
        object.time("last_attempt", to_seconds(stats.last_time));
        object.text("last_reply", stats.last_reply).text("last_host", stats.last_host);
    }
    return object;
}

}  // namespace

std::string short_age(std::chrono::seconds age) {
    const auto seconds = std::max<std::int64_t>(0, age.count());
    const auto pair = [](std::int64_t high, char unit, std::int64_t low, char low_unit) {
        return std::to_string(high) + unit + (low < 10 ? "0" : "") + std::to_string(low) + low_unit;
    };
    if (seconds < 60) {
        return std::to_string(seconds) + "s";
    }
    if (seconds < 3600) {
        return std::to_string(seconds / 60) + "m";
    }
    return seconds < 86400 ? pair(seconds / 3600, 'h', seconds / 60 % 60, 'm')
                           : pair(seconds / 86400, 'd', seconds / 3600 % 24, 'h');
}

std::string fitted(std::string_view text, std::size_t width) {
    std::string result;
    std::size_t used = 0;
    for (const char c : text) {
        const bool begins = (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
        if (begins && used == width) {
            return result;
        }
        used += begins ? 1U : 0U;
        result += c;
    }
    return result + std::string(width - used, ' ');
}

void QueueStats::count(
    const std::string& domain, const spool::RecipientState& state, WallTime arrival
) {
    count_into(all_, state, arrival, now_);
    auto known = destinations_.find(domain);
    if (known == destinations_.end() && destinations_.size() < kMostDestinations) {
        known = destinations_.emplace(domain, DestinationStats()).first;
    }
    count_into(known == destinations_.end() ? others_ : known->second, state, arrival, now_);
}

void QueueStats::show(const QueuedMessage& message) {
    const mail::Envelope& envelope = message.file.envelope();
    octets_ += message.file.content_size();
    const bool is_held = message.file.journal().is_held();
    active_ += message.is_active ? 1 : 0;
    held_ += is_held ? 1 : 0;
    if (!message.is_active && !is_held && message.is_due(to_seconds(now_))) {
        ++due_;
    }
    for (std::size_t i = 0; i < envelope.recipients.size(); ++i) {
        const spool::RecipientState& state = message.file.journal().recipients.at(i);
        if (state.is_pending()) {
            count(ascii_lower(envelope.recipients[i].address.domain()), state, envelope.arrival);
        }
    }
}

/// Those with the most recipients first.
std::vector<QueueStats::Row> QueueStats::rows() const {
    std::vector<Row> rows(destinations_.begin(), destinations_.end());
    std::ranges::stable_sort(rows, [](const Row& a, const Row& b) {
        return a.second.recipients > b.second.recipients;
    });
    return rows;
}

void QueueStats::print_text(std::size_t total) const {
    out_(
        std::to_string(total) + (total == 1 ? " message, " : " messages, ") +
        std::to_string(octets_) + " octets: " + std::to_string(active_) + " being sent, " +
        std::to_string(due_) + " due, " + std::to_string(held_) + " held"
    );
    if (all_.recipients == 0) {
        return;
    }
    std::string title = fitted("RECIPIENTS BY DOMAIN", kDomainWidth) + right("TOTAL", kNumberWidth);
    for (const char* age : kAgeTitles) {
        title += right(age, kNumberWidth);
    }
    out_(title + right("OLDEST", kNumberWidth) + "  LAST REPLY");
    out_(text_row("(all)", all_, now_));
    const auto sorted = rows();
    for (std::size_t i = 0; i < std::min(sorted.size(), most_); ++i) {
        const std::string name = printable(sorted[i].first, 255);
        out_(text_row(name.empty() ? "(this host)" : name, sorted[i].second, now_));
    }
    if (sorted.size() > most_) {
        out_("and " + std::to_string(sorted.size() - most_) + " more domains");
    }
    if (others_.recipients > 0) {
        out_(text_row("(others, not counted apart)", others_, now_));
    }
}

void QueueStats::print_json(std::size_t total) const {
    JsonArray destinations;
    for (const auto& [domain, stats] : rows()) {
        destinations.add(json_row(stats).text("domain", domain).end());
    }
    JsonArray bounds;
    for (const std::chrono::minutes bound : kAgeBounds) {
        bounds.add(std::to_string(std::chrono::seconds(bound).count()));
    }
    JsonObject object;
    object.number("messages", total).number("octets", octets_).number("boxes", boxes_);
    object.number("active", active_).number("due", due_).number("held", held_);
    object.raw("age_bounds", bounds.end()).raw("all", json_row(all_).end());
    object.raw("destinations", destinations.end());
    if (others_.recipients > 0) {
        object.raw("others", json_row(others_).end());
    }
    out_(object.end());
}

void QueueStats::end(std::size_t total) {
    is_json_ ? print_json(total) : print_text(total);
}

}  // namespace mxpost::submit
