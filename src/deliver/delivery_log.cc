#include "deliver/delivery_log.h"

#include <array>
#include <cstdio>
#include <initializer_list>
#include <string_view>

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
    std::array<char, 32> seconds{};
    std::snprintf(seconds.data(), seconds.size(), "%.2f", static_cast<double>(delay.count()) / 1e6);
    std::string line;
    line.reserve(300);
    const auto add = [&line](std::initializer_list<std::string_view> parts) {
        for (const std::string_view part : parts) {
            line += part;
        }
    };
    add({id, ": to=<", recipient.text(), ">", redirected, ", host="});
    if (!outcome.remote_address.empty()) {
        add({outcome.remote_host, "[", outcome.remote_address, "]:"});
        add({std::to_string(outcome.remote_port)});
    } else {
        add({outcome.remote_host.empty() ? "none" : outcome.remote_host});
    }
    if (!outcome.tls.empty()) {
        add({", tls=", outcome.tls});
    }
    add({", delay=", seconds.data(), ", dsn=", outcome.status.text()});
    add({", status=", status_word(outcome.kind), " (", mail::reply_text(outcome), ")"});
    return line;
}

}  // namespace mxpost::deliver
