#include "deliver/port_watch.h"

#include <algorithm>
#include <utility>

namespace mxpost::deliver {
namespace {

constexpr std::size_t kMaxKept = 32;  // sites; more prove nothing more

}  // namespace

bool PortWatch::connected() {
    sites_.clear();
    return std::exchange(probe_at_, std::nullopt).has_value();
}

void PortWatch::forget_old(SteadyTime now) {
    std::erase_if(sites_, [now](const auto& entry) {
        return now - entry.second.last > kForgetAfter;
    });
}

void PortWatch::unreachable(const std::string& site, SteadyTime now) {
    forget_old(now);
    if (const auto known = sites_.find(site); known != sites_.end()) {
        known->second.last = now;
    } else if (sites_.size() < kMaxKept) {
        sites_.emplace(site, Failing{now, now});
    }
}

bool PortWatch::is_suspect(SteadyTime now) const {
    const auto is_recent = [now](const auto& entry) {
        return now - entry.second.last <= kForgetAfter;
    };
    const auto is_lasting = [now](const auto& entry) {
        return now - entry.second.last <= kForgetAfter &&
               entry.second.last - entry.second.first >= kOneSiteFor;
    };
    return std::ranges::count_if(sites_, is_recent) >= static_cast<std::ptrdiff_t>(kSites) ||
           std::ranges::any_of(sites_, is_lasting);
}

bool PortWatch::confirm(SteadyTime now) {
    const bool is_news = !is_blocked();
    if (is_news) {
        probe_at_ = now + kProbeEvery;
    }
    return is_news;
}

bool PortWatch::take_probe(SteadyTime now) {
    if (!probe_at_ || now < *probe_at_) {
        return false;
    }
    probe_at_ = now + kProbeEvery;
    return true;
}

}  // namespace mxpost::deliver
