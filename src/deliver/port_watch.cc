#include "deliver/port_watch.h"

#include <algorithm>
#include <utility>

namespace mxpost::deliver {
namespace {

constexpr std::size_t kMaxKept = 32;  // sites; more prove nothing more
constexpr std::size_t kMaxDomains = 10000;

}  // namespace

bool PortWatch::connected() {
    sites_.clear();
    domains_.clear();
    interval_ = kFirstProbeAfter;
    return std::exchange(probe_at_, std::nullopt).has_value();
}

void PortWatch::forget_old(SteadyTime now) {
    std::erase_if(sites_, [now](const auto& entry) {
        return now - entry.second.last > kForgetAfter;
    });
}

void PortWatch::unreachable(const std::string& site, const std::string& domain, SteadyTime now) {
    forget_old(now);
    if (domains_.size() < kMaxDomains) {
        domains_.insert(domain);
    }
    if (const auto known = sites_.find(site); known != sites_.end()) {
        known->second.last = now;
    } else if (sites_.size() < kMaxKept) {
        sites_.emplace(site, Failing{now, now});
    }
}

bool PortWatch::is_general(SteadyTime now) const {
    const auto is_recent = [now](const auto& entry) {
        return now - entry.second.last <= kForgetAfter;
    };
    return std::ranges::count_if(sites_, is_recent) >= static_cast<std::ptrdiff_t>(kSites);
}

bool PortWatch::is_suspect(SteadyTime now) const {
    const auto is_lasting = [now](const auto& entry) {
        return now - entry.second.last <= kForgetAfter &&
               entry.second.last - entry.second.first >= kOneSiteFor;
    };
    return is_general(now) || std::ranges::any_of(sites_, is_lasting);
}

bool PortWatch::confirm(SteadyTime now) {
    const bool is_news = !is_blocked();
    if (is_news) {
        probe_at_ = now + interval_;
        probed_ = now;
    }
    return is_news;
}

bool PortWatch::take_probe(SteadyTime now) {
    if (!probe_at_ || now < *probe_at_) {
        return false;
    }
    interval_ = std::min(interval_ * 2, kProbeEvery);
    probe_at_ = now + interval_;
    probed_ = now;
    return true;
}

bool PortWatch::may_try(const std::string& domain, SteadyTime now) {
    if (!is_blocked() || take_probe(now)) {
        return true;
    }
    const bool is_newcomer = domains_.size() < kMaxDomains && !domains_.contains(domain);
    if (!is_newcomer || now - probed_ < kNewcomerAfter) {
        return false;
    }
    probed_ = now;
    return true;
}

}  // namespace mxpost::deliver
