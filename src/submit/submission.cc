#include "submit/submission.h"

#include <memory>

#include "base/text.h"
#include "submit/process.h"

namespace mxpost::submit {
namespace {

IntakeRequest make_request(
    const Surroundings& around, const Invocation& invocation, bool waits, mail::ReversePath sender
) {
    IntakeRequest request{Recipients(around.names.domain)};
    request.recipients.add_operands(invocation);
    request.full_name = full_name_of(around, invocation, sender);
    request.sender = std::move(sender);
    request.takes_recipients = invocation.takes_recipients;
    request.notify = invocation.notify;
    request.dsn_return = invocation.dsn_return;
    request.envelope_id = invocation.envelope_id;
    request.error_mode = invocation.error_mode;
    request.is_followed = waits;
    request.is_verbose = invocation.is_verbose;
    request.is_gateway = invocation.is_gateway;
    request.hop_count = invocation.hop_count;
    request.ends_at_dot = !invocation.ignores_dots;
    request.needs_spool = invocation.delivery_mode == config::DeliveryMode::queue ||
                          invocation.delivery_mode == config::DeliveryMode::deferred;
    request.uid = around.identity.uid;
    return request;
}

bool read_content(Intake& intake, int input, Refusal& refusal) {
    constexpr std::size_t kPiece = 64U << 10U;
    // NOLINTNEXTLINE(modernize-avoid-c-arrays): on the heap, and not filled with zeros first
    const auto buffer = std::make_unique_for_overwrite<char[]>(kPiece);
    while (!intake.is_ended()) {
        const auto got = read_some(input, {buffer.get(), kPiece});
        if (!got) {
            refusal = {ExitStatus::io_error, got.error().message()};
            return false;
        }
        if (*got == 0) {
            break;
        }
        if (!intake.append({buffer.get(), *got})) {
            return false;
        }
    }
    return intake.finish();
}

bool commit(Intake& intake) {
    if (!intake.is_spooled()) {
        return intake.commit();
    }
    interruption::begin_commit();
    const bool is_committed = intake.commit();
    interruption::end_commit(is_committed);
    return is_committed;
}

}  // namespace

mail::Address own_address(const Surroundings& around) {
    mail::Address own = login_address(around.identity.login);
    return own.is_qualified() ? own : mail::Address(own.local_part(), around.names.domain);
}

std::string full_name_of(
    const Surroundings& around, const Invocation& invocation, const mail::ReversePath& sender
) {
    if (invocation.full_name) {
        return *invocation.full_name;
    }
    if (!around.full_name.empty()) {
        return around.full_name;
    }
    // GECOS is the caller's name, not that of whomever the sender's address names.
    const mail::Address own = own_address(around);
    const bool is_own =
        sender && (sender->is_same(own) ||
                   (!sender->is_qualified() && sender->local_part() == own.local_part()));
    return is_own ? around.identity.full_name : "";
}

SubmissionResult submit_message(
    const Surroundings& surroundings, const Invocation& invocation, bool waits, int input
) {
    SubmissionResult result;
    mail::ReversePath sender = own_address(surroundings);
    if (invocation.sender) {
        auto given = mail::parse_reverse_path(trim(*invocation.sender));
        if (!given) {
            drain(input);
            result.status = ExitStatus::usage;
            result.text = "bad sender address \"" + printable(*invocation.sender, 256) +
                          "\": " + given.error().message();
            return result;
        }
        sender = std::move(*given);
    }
    Intake intake(surroundings, make_request(surroundings, invocation, waits, std::move(sender)));
    Refusal refusal;
    if (intake.open() && read_content(intake, input, refusal) && commit(intake)) {
        result.accepted.emplace(intake.take_accepted());
        if (intake.is_ended()) {
            drain_rest(input);
        }
    } else {
        drain(input);
        refusal = refusal.text.empty() ? intake.refusal() : refusal;
    }
    result.status = refusal.status;
    result.text = refusal.text;
    result.bad = intake.bad();
    return result;
}

}  // namespace mxpost::submit
