#include "diagnose/notice_board.h"

#include <chrono>

#include "base/text.h"

namespace mxpost::diagnose {
namespace {

constexpr std::chrono::hours kAgainAfter{1};
constexpr std::size_t kHostsPerRule = 10;  // an hour
constexpr std::size_t kMaxRemembered = 1000;
constexpr std::size_t kMaxReply = 300;

}  // namespace

void NoticeBoard::forget(SteadyTime now) {
    std::erase_if(hosts_, [&](const auto& entry) { return now - entry.second >= kAgainAfter; });
    std::erase_if(rules_, [&](const auto& entry) {
        return now - entry.second.since >= kAgainAfter;
    });
}

std::optional<std::string> NoticeBoard::note(
    const Ruling& ruling, const mail::RecipientOutcome& outcome, SteadyTime now
) {
    if (ruling.notice.empty()) {
        return std::nullopt;
    }
    forget(now);
    Said& said = rules_.try_emplace(std::string(ruling.rule), Said{now, 0}).first->second;
    const std::string host = ascii_lower(outcome.remote_host.substr(0, 255));
    if (said.count >= kHostsPerRule || hosts_.size() >= kMaxRemembered ||
        !hosts_.emplace(std::pair(std::string(ruling.rule), host), now).second) {
        return std::nullopt;
    }
    ++said.count;
    const std::string server = host.empty() ? "a server" : printable(host);
    return std::string(ruling.notice) + " (" + server +
           " said: " + printable(mail::reply_text(outcome), kMaxReply) + ")";
}

}  // namespace mxpost::diagnose
