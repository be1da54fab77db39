#include "submit/smtp_dialogue.h"

#include <cerrno>
#include <exception>
#include <memory>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "submit/hand_off.h"
#include "submit/process.h"
#include "submit/smtp_reception.h"

namespace mxpost::submit {
namespace {

using protocol::ServerMachine;

protocol::ServerSettings dialogue_settings(const Surroundings& around) {
    protocol::ServerSettings settings = server_settings(around);
    // Our peer is the program that started us: it can't be turned away, it may be a script, and it
    // has no reason to hurry.
    settings.needs_hello = false;
    settings.may_use_line_feeds = true;
    settings.max_idle_commands = 0;
    settings.max_errors = 1000;
    return settings;
}

bool write_all(int fd, std::string& octets) {
    std::string_view rest = octets;
    while (!rest.empty()) {
        const ssize_t done = ::write(fd, rest.data(), rest.size());
        if (done >= 0) {
            rest.remove_prefix(static_cast<std::size_t>(done));
        } else if (errno == EAGAIN) {
            pollfd wait{fd, POLLOUT, 0};
            ::poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    octets.clear();
    return true;
}

class SmtpDialogue {
public:
    SmtpDialogue(
        const Surroundings& around, const Invocation& invocation, const EngineStarter& starter
    )
        : around_(around),
          starter_(starter),
          mode_(invocation.delivery_mode.value_or(around.settings.delivery_mode)),
          reception_(around, SmtpOrigin{around.identity.uid, "", nullptr, invocation}),
          machine_(dialogue_settings(around), reception_) {}

    ExitStatus run(int input, int output) {
        constexpr std::size_t kPiece = 64U << 10U;
        // NOLINTNEXTLINE(modernize-avoid-c-arrays): on the heap, and not filled with zeros first
        const auto buffer = std::make_unique_for_overwrite<char[]>(kPiece);
        interruption::arm();
        machine_.greet();
        while (machine_.want() != ServerMachine::Want::finished) {
            interruption::set_message_pending(reception_.has_intake());
            if (machine_.want() == ServerMachine::Want::commit) {
                commit();
                continue;
            }
            if (!write_all(output, machine_.output())) {
                return ExitStatus::io_error;
            }
            const auto got = read_some(input, {buffer.get(), kPiece});
            got&&* got > 0 ? machine_.received({buffer.get(), *got}) : machine_.closed();
        }
        return !write_all(output, machine_.output()) ? ExitStatus::io_error
               : machine_.was_cut_off()              ? ExitStatus::data_error
                                                     : ExitStatus::ok;
    }

private:
    void commit() {
        Intake& intake = reception_.intake();
        const bool is_spooled = intake.is_spooled();
        if (is_spooled) {
            interruption::begin_commit();
        }
        const bool is_committed = intake.commit();
        if (is_spooled) {
            interruption::end_commit(is_committed);
        }
        if (!is_committed) {
            machine_.refused(reply_for(intake.refusal()));
        } else if (is_spooled) {
            hand_over(intake.take_accepted());
        } else {
            deliver_from_memory(intake.take_accepted());
        }
    }

    /// The message is safe: whatever happens now, the caller must not send it again.
    void hand_over(Accepted accepted) {
        try {
            // The message's own lock first: the engine couldn't claim it.
            accepted.committed.reset();
            if (mode_ != config::DeliveryMode::queue && mode_ != config::DeliveryMode::deferred) {
                // A dialogue may last for days, and each of its engines ends when it is idle.
                while (::waitpid(-1, nullptr, WNOHANG) > 0) {
                }
                (void)hand_off(around_.files, around_.log, starter_, std::move(*accepted.box));
            }
        } catch (const std::exception& exception) {
            around_.log.error(accepted.id + ": after queueing: " + exception.what());
        }
        reception_.forget();
        machine_.committed("2.0.0 queued as " + accepted.id);
    }

    void deliver_from_memory(const Accepted& accepted) {
        Outcomes outcomes(accepted.envelope, LineSink());
        const auto sent = send_from_memory(starter_, accepted.memory_file, accepted.id, outcomes);
        reception_.forget();
        interruption::end_commit(true);  // what became of it is known
        if (!sent) {
            machine_.refused(
                {451, "4.3.0 no spool can be written to, and " + printable(sent.error().message())}
            );
            return;
        }
        const ExitStatus status = spoolless_status(outcomes);
        if (status == ExitStatus::ok) {
            machine_.committed("2.0.0 sent as " + accepted.id);
        } else {
            machine_.refused(reply_for({status, first_trouble(accepted.envelope, outcomes)}));
        }
    }

    static std::string first_trouble(const mail::Envelope& envelope, const Outcomes& outcomes) {
        for (std::size_t i = 0; i < envelope.recipients.size(); ++i) {
            const auto& outcome = outcomes.all()[i];
            if (!outcome || outcome->kind != mail::OutcomeKind::delivered) {
                return outcome_line(envelope.recipients[i], outcome);
            }
        }
        return "not sent";
    }

    const Surroundings& around_;
    const EngineStarter& starter_;
    config::DeliveryMode mode_;
    SmtpReception reception_;
    ServerMachine machine_;
};

}  // namespace

ExitStatus run_smtp_dialogue(
    const Surroundings& around,
    const Invocation& invocation,
    const EngineStarter& starter,
    int input,
    int output
) {
    return SmtpDialogue(around, invocation, starter).run(input, output);
}

}  // namespace mxpost::submit
