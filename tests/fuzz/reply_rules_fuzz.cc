// An administrator's files and a server's reply: both are read with bounded work, an error is one
// printable line with a line number, and no reply gets a ruling that a delivery could trip over.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "diagnose/notice_board.h"
#include "diagnose/providers.h"
#include "diagnose/reply_rules.h"
#include "diagnose/stated_delay.h"

namespace {

namespace diagnose = mxpost::diagnose;
namespace mail = mxpost::mail;

void require(bool is_true) {
    if (!is_true) {
        std::abort();
    }
}

void require_message(const std::string& message) {
    require(message.starts_with("file:"));
    require(mxpost::printable(message, message.size()) == message);
}

mail::RecipientOutcome outcome_of(std::string_view reply) {
    mail::RecipientOutcome outcome;
    const auto code = mxpost::parse_unsigned(reply.substr(0, 3));
    outcome.reply_code = static_cast<std::uint16_t>(code.value_or(550));
    outcome.text = reply.substr(std::min<std::size_t>(reply.size(), 4));
    outcome.status = mail::EnhancedStatus::parse_prefix(outcome.text);
    outcome.remote_host = reply.substr(0, 64);
    outcome.remote_address = reply.size() % 2 == 0 ? "2001:db8::1" : "192.0.2.1";
    outcome.step = static_cast<mail::Step>(reply.size() % 10);
    return outcome;
}

void judge(const diagnose::RuleBook& rules, std::string_view reply) {
    using std::chrono::seconds;
    const seconds longest = std::chrono::hours(24 * 366);
    mail::RecipientOutcome outcome = outcome_of(reply);
    const diagnose::Ruling ruling = rules.rule(outcome, reply.size() % 3);
    for (const seconds delay :
         {ruling.least_delay(),
          ruling.give_up,
          ruling.other_family,
          diagnose::stated_delay(outcome.text).value_or(seconds(0))}) {
        require(delay >= seconds(0) && delay <= longest);
    }
    diagnose::NoticeBoard board;
    if (const auto line = board.note(ruling, outcome, mxpost::SteadyTime())) {
        require(mxpost::printable(*line, line->size()) == *line);
    }
    diagnose::apply(ruling, outcome);
    require(outcome.kind != mail::OutcomeKind::delivered);
}

}  // namespace

/// Up to the first empty line a reply, then a file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const diagnose::RuleBook shipped = diagnose::RuleBook::shipped();
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::size_t cut = std::min(text.find("\n\n"), text.size());
    const std::string_view reply = text.substr(0, cut);
    const std::string_view file = text.substr(cut);
    judge(shipped, reply);
    if (const auto rules = diagnose::RuleBook::make("file", file)) {
        judge(*rules, reply);
    } else {
        require_message(rules.error().message());
    }
    if (const auto providers = diagnose::Providers::make("file", file)) {
        const std::string host(reply.substr(0, 64));
        (void)providers->limits_for({&host, 1});
    } else {
        require_message(providers.error().message());
    }
    return 0;
}
