#include "deliver/site_memory.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/text.h"
#include "mail/outcome.h"

namespace mxpost::deliver {

namespace {

constexpr const char* kFile = "sites";
constexpr std::size_t kMaxSites = 4096;
/// Nobody asks for more: what is later was written by a clock that has jumped, or by someone else.
constexpr std::chrono::hours kLongest{48};

std::string text_of(WallTime time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch());
    return std::to_string(seconds.count());
}

std::optional<WallTime> parse_time(std::string_view text, WallTime now) {
    std::int64_t seconds = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || seconds < 0 ||
        std::chrono::seconds(seconds) > now.time_since_epoch() + kLongest) {
        return std::nullopt;
    }
    return WallTime(std::chrono::seconds(seconds));
}

/// On one line, and without the tab that ends a field.
std::string field(std::string_view text) {
    return printable(text, mail::kMaxOutcomeText);
}

}  // namespace

SiteMemory::SiteMemory(StateDirectory& state, const Clock& clock) : state_(state), clock_(clock) {
    if (const auto text = state_.read(kFile)) {
        load(*text);
    }
}

bool SiteMemory::is_over(const Entry& entry) const {
    const WallTime now = clock_.now();
    return entry.ipv4_bad_until <= now && entry.ipv6_bad_until <= now &&
           entry.suspended_until <= now;
}

/// A site a line: its key, three times in seconds since 1970, the reason, between tabs.
void SiteMemory::load(std::string_view text) {
    const WallTime now = clock_.now();
    for (const std::string_view line : split(text, '\n')) {
        const auto fields = split(line, '\t');
        if (fields.size() != 5 || fields[0].empty() || sites_.size() >= kMaxSites) {
            continue;
        }
        const auto ipv4 = parse_time(fields[1], now);
        const auto ipv6 = parse_time(fields[2], now);
        const auto suspended = parse_time(fields[3], now);
        if (!ipv4 || !ipv6 || !suspended) {
            continue;
        }
        Entry entry;
        entry.ipv4_bad_until = *ipv4;
        entry.ipv6_bad_until = *ipv6;
        entry.suspended_until = *suspended;
        entry.reason = field(fields[4]);
        if (!is_over(entry)) {
            sites_.insert_or_assign(std::string(fields[0]), std::move(entry));
        }
    }
}

const SiteMemory::Entry* SiteMemory::find(const std::string& site) const {
    const auto found = sites_.find(site);
    return found == sites_.end() || is_over(found->second) ? nullptr : &found->second;
}

void SiteMemory::note(const std::string& site, Entry entry) {
    if (field(site) != site || (sites_.size() >= kMaxSites && !sites_.contains(site))) {
        return;  // no MX host has such a name
    }
    const auto found = sites_.find(site);
    const auto is_near = [](WallTime a, WallTime b) {
        return std::chrono::abs(a - b) < std::chrono::minutes(5);
    };
    if (found != sites_.end() && is_near(found->second.ipv4_bad_until, entry.ipv4_bad_until) &&
        is_near(found->second.ipv6_bad_until, entry.ipv6_bad_until) &&
        is_near(found->second.suspended_until, entry.suspended_until)) {
        return;  // a queue of refused messages says the same of each
    }
    sites_.insert_or_assign(site, std::move(entry));
    save();
}

void SiteMemory::save() {
    std::erase_if(sites_, [this](const auto& entry) { return is_over(entry.second); });
    std::string text;
    for (const auto& [site, entry] : sites_) {
        text += site + '\t' + text_of(entry.ipv4_bad_until) + '\t' + text_of(entry.ipv6_bad_until) +
                '\t' + text_of(entry.suspended_until) + '\t' + field(entry.reason) + '\n';
    }
    state_.write(kFile, text);
}

}  // namespace mxpost::deliver
