#include "deliver/delivery_log.h"

#include <array>
#include <cstdio>

namespace mxpost::deliver {

const char* status_word(mail::OutcomeKind kind) {
    switch (kind) {
        case mail::OutcomeKind::delivered:
            return "sent";
        case mail::OutcomeKind::deferred:
            return "deferred";
        case mail::OutcomeKind::failed:
            break;
    }
    return "bounced";
}

std::string outcome_line(
    const std::string& id,
    const mail::Address& recipient,
    const mail::Address& original,
    const mail::RecipientOutcome& outcome,
    std::chrono::microseconds delay
) {
    const std::string redirected =
        original == recipient ? "" : ", orig_to=<" + original.text() + ">";
    std::string host = "none";
    if (!outcome.remote_address.empty()) {
        host = outcome.remote_host + "[" + outcome.remote_address +
               "]:" + std::to_string(outcome.remote_port);
    } else if (!outcome.remote_host.empty()) {
        host = outcome.remote_host;
    }
    std::array<char, 32> seconds{};
    std::snprintf(seconds.data(), seconds.size(), "%.2f", static_cast<double>(delay.count()) / 1e6);
    return id + ": to=<" + recipient.text() + ">" + redirected + ", host=" + host +
           (outcome.tls.empty() ? "" : ", tls=" + outcome.tls) + ", delay=" + seconds.data() +
           ", dsn=" + outcome.status.text() + ", status=" + status_word(outcome.kind) + " (" +
           mail::reply_text(outcome) + ")";
}

}  // namespace mxpost::deliver
