#include "submit/front_end.h"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <memory>
#include <optional>

#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file_system.h"
#include "base/text.h"
#include "config/load.h"
#include "submit/alias_check.h"
#include "submit/command_line.h"
#include "submit/engine_starter.h"
#include "submit/hand_off.h"
#include "submit/process.h"
#include "submit/queue.h"
#include "submit/recipients.h"
#include "submit/sender_rules.h"
#include "submit/smtp_dialogue.h"
#include "submit/submission.h"
#include "submit/system_engine.h"

namespace mxpost::submit {
namespace {

int output_error = 0;  // errno, of a line that say() couldn't write

bool print(int fd, std::string text) {
    text += '\n';
    return ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}
void say(std::string_view line) {
    errno = 0;
    // Who closes a pipe, as head(1) does, has read enough.
    if (!print(STDOUT_FILENO, std::string(line)) && errno != EPIPE) {
        output_error = errno != 0 ? errno : ENOSPC;
    }
}
/// What -v shows: standard output is the caller's, who may read something else from there.
void show(std::string_view line) {
    (void)print(STDERR_FILENO, std::string(line));
}
void complain(std::string_view line) {
    (void)print(STDERR_FILENO, "sendmail: " + std::string(line));
}

ExitStatus refuse(ExitStatus status, std::string_view why) {
    drain(STDIN_FILENO);
    complain(why);
    return status;
}

std::string variable(const char* const* environment, std::string_view name) {
    for (; environment != nullptr && *environment != nullptr; ++environment) {
        const std::string_view entry = *environment;
        if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') {
            return std::string(entry.substr(name.size() + 1));
        }
    }
    return "";
}

/// The MXPOST_… entries that count: uid 0 acts for others and doesn't take their word.
std::vector<std::string> trusted_settings(FileSystem& files, const char* const* environment) {
    if (::getauxval(AT_SECURE) != 0) {
        return {};
    }
    return ::getuid() == 0 ? config::init_environment(files) : config::own_environment(environment);
}

/// What stands in mxpost.conf stays wrong, and who may not read it; all else may be better the next
/// time (no descriptor left, no memory, an I/O error).
ExitStatus status_without_settings(const Error& error) {
    const bool is_lasting =
        error.is(EBADMSG) || error.is(EACCES) || error.is(EPERM) || error.is(EISDIR);
    return is_lasting ? ExitStatus::config : ExitStatus::temp_fail;
}

/// One call, once settings and log are there.
class Call {
public:
    Call(const Surroundings& around, const Invocation& invocation, const EngineStarter& starter)
        : around_(around), invocation_(invocation), starter_(starter) {}

    ExitStatus run(bool has_input) {
        switch (invocation_.mode) {
            case Mode::deliver:
                return has_input ? deliver()
                                 : (complain("standard input is closed"), ExitStatus::no_input);
            case Mode::speak_smtp:
                return has_input ? speak_smtp()
                                 : (complain("standard input is closed"), ExitStatus::no_input);
            case Mode::print_queue:
                return print_queue(
                    around_, starter_, invocation_.selection, invocation_.is_verbose, say, complain
                );
            case Mode::count_queue:
                return count_queue(around_, say, complain);
            case Mode::print_hosts:
                return print_hosts(around_, starter_, say, complain);
            case Mode::flush_queue:
                return flush_queue(around_, starter_, invocation_.selection, true, say, complain);
            case Mode::run_once:
                return run_once();
            case Mode::check_aliases:
                return check_aliases(around_, say, complain);
            case Mode::verify:
                return verify();
            case Mode::test:
                return run_tool("--test", invocation_.operands);
            case Mode::start_engine:
            case Mode::run_engine:
                return run_system_engine();
            default:
                return ExitStatus::ok;
        }
    }

private:
    config::DeliveryMode delivery_mode() const {
        return invocation_.delivery_mode.value_or(around_.settings.delivery_mode);
    }

    ExitStatus deliver() {
        const config::DeliveryMode mode = delivery_mode();
        const bool is_left =
            mode == config::DeliveryMode::queue || mode == config::DeliveryMode::deferred;
        const bool waits = invocation_.is_verbose || mode == config::DeliveryMode::interactive;
        interruption::arm();
        SubmissionResult result =
            submit_message(around_, invocation_, waits && !is_left, STDIN_FILENO);
        for (const mail::BadAddress& bad : result.bad) {
            complain("bad recipient address \"" + bad.text + "\": " + bad.reason);
        }
        if (!result.accepted) {
            complain(result.text);
            return result.status;
        }
        Accepted& accepted = *result.accepted;
        ExitStatus status = ExitStatus::ok;
        if (!accepted.committed) {
            status = deliver_from_memory(accepted);
        } else if (!is_left) {
            status = hand_over_safely(accepted, waits);
        }
        return status == ExitStatus::ok && !result.bad.empty() ? ExitStatus::data_error : status;
    }

    ExitStatus speak_smtp() {
        if (!invocation_.operands.empty()) {
            return refuse(ExitStatus::usage, "-bs takes its recipients from the dialogue");
        }
        return run_smtp_dialogue(around_, invocation_, starter_, STDIN_FILENO, STDOUT_FILENO);
    }

    /// The message is safe: whatever happens now, the caller must not send it again.
    ExitStatus hand_over_safely(Accepted& accepted, bool waits) {
        try {
            return hand_over(accepted, waits);
        } catch (const std::exception& exception) {
            around_.log.error(accepted.id + ": after queueing: " + exception.what());
            return ExitStatus::ok;
        }
    }

    ExitStatus hand_over(Accepted& accepted, bool waits) {
        // The message's own lock first: the engine couldn't claim it.
        (void)around_.files.unlock(accepted.committed->file.get()).has_value();
        const HandedOff handed =
            hand_off(around_.files, around_.log, starter_, std::move(*accepted.box));
        if (!waits) {
            return ExitStatus::ok;
        }
        if (!handed) {
            complain("the message is queued, but no engine could be started to send it now");
            return ExitStatus::ok;
        }
        Outcomes outcomes(accepted.envelope, dialogue_sink());
        follow(
            around_.files,
            around_.clock,
            *accepted.committed,
            handed.started,
            around_.settings.interactive_timeout,
            outcomes
        );
        report(accepted.envelope, outcomes);
        return queued_status(outcomes, invocation_.error_mode);
    }

    ExitStatus deliver_from_memory(const Accepted& accepted) {
        Outcomes outcomes(accepted.envelope, dialogue_sink());
        const auto sent = send_from_memory(starter_, accepted.memory_file, accepted.id, outcomes);
        if (!sent) {
            complain("no spool can be written to, and " + sent.error().message());
            return ExitStatus::temp_fail;
        }
        report(accepted.envelope, outcomes);
        complain_of_rest(accepted.envelope, outcomes);  // also where a bounce tells of them: 0
        return spoolless_status(outcomes);
    }

    LineSink dialogue_sink() const { return invocation_.is_verbose ? LineSink(show) : LineSink(); }

    /// With -v every outcome; else what has failed for good, unless the caller wants to hear
    /// nothing.
    void report(const mail::Envelope& envelope, const Outcomes& outcomes) const {
        for (std::size_t i = 0; i < envelope.recipients.size(); ++i) {
            const auto& outcome = outcomes.all()[i];
            const bool has_failed = outcome && outcome->kind == mail::OutcomeKind::failed;
            if (invocation_.is_verbose) {
                show(outcome_line(envelope.recipients[i], outcome));
            } else if (has_failed && !is_quiet()) {
                complain(outcome_line(envelope.recipients[i], outcome));
            }
        }
        if (invocation_.is_verbose && !outcomes.is_complete() && outcomes.has_note()) {
            show("waiting: " + printable(outcomes.note()));
        }
    }

    /// Nothing is queued: whoever didn't get it must be named, whatever the error mode.
    void complain_of_rest(const mail::Envelope& envelope, const Outcomes& outcomes) const {
        for (std::size_t i = 0; i < envelope.recipients.size(); ++i) {
            const auto& outcome = outcomes.all()[i];
            if (!outcome) {
                complain(envelope.recipients[i].address.text() + "... not sent");
            } else if (outcome->kind == mail::OutcomeKind::deferred || (outcome->kind == mail::OutcomeKind::failed && is_quiet())) {
                complain(outcome_line(envelope.recipients[i], outcome));
            }
        }
    }

    bool is_quiet() const { return invocation_.error_mode == mail::ErrorMode::quiet; }

    ExitStatus verify() {
        const Operands operands = sort_operands(invocation_);
        const bool names_nobody = std::ranges::all_of(operands.words, [](const std::string& word) {
            const mail::AddressList list = mail::parse_address_list(word);
            return list.addresses.empty() && list.bad.empty();
        });
        if (names_nobody && operands.bad.empty()) {
            return refuse(ExitStatus::usage, "-bv needs addresses");
        }
        for (const mail::BadAddress& bad : operands.bad) {
            say(bad.text + "... bad address: " + bad.reason);
        }
        const ExitStatus status =
            names_nobody ? ExitStatus::ok : run_tool("--verify", operands.words);
        // As the tool ranks its own findings: a bad address before what isn't known now.
        const bool outranks = status == ExitStatus::ok || status == ExitStatus::temp_fail;
        return outranks && !operands.bad.empty() ? ExitStatus::data_error : status;
    }

    /// What asks the DNS is the other program's.
    ExitStatus run_tool(const std::string& mode, const std::vector<std::string>& words) {
        std::vector<std::string> arguments = {"route", mode, "--"};
        arguments.insert(arguments.end(), words.begin(), words.end());
        return run_and_wait({std::move(arguments), {}, true});
    }

    ExitStatus run_once() {
        if (!invocation_.selection.is_everything()) {
            flush_queue(around_, starter_, invocation_.selection, false, say, complain);
        }
        return run_and_wait({{"run", "--once"}, {}, true});
    }

    ExitStatus run_and_wait(const EngineCall& call) {
        const auto engine = starter_.start(call);
        if (!engine) {
            complain(engine.error().message());
            return ExitStatus::os_error;
        }
        int status = 0;
        while (::waitpid(*engine, &status, 0) < 0 && errno == EINTR) {
        }
        return WIFEXITED(status) ? static_cast<ExitStatus>(WEXITSTATUS(status))
                                 : ExitStatus::software;
    }

    ExitStatus run_system_engine() {
        if (around_.identity.uid != 0 && around_.identity.login != around_.settings.user) {
            complain("only root may start the system engine (-bd, -bD, -q with an interval)");
            return ExitStatus::no_permission;
        }
        std::vector<std::string> arguments = {"run"};
        if (invocation_.listens) {
            arguments.emplace_back("--listen");
        }
        if (invocation_.mode == Mode::run_engine) {
            complain(starter_.replace_process({arguments, {}, true}).message());
            return ExitStatus::os_error;
        }
        const StartedEngine started = start_system_engine(starter_, std::move(arguments));
        if (started.status != ExitStatus::ok) {
            complain(started.text);
        }
        return started.status;
    }

    const Surroundings& around_;
    const Invocation& invocation_;
    const EngineStarter& starter_;
};

/// What needs neither settings nor log. Nothing: go on.
std::optional<ExitStatus> run_simple_mode(
    const Invocation& invocation, const std::string& version
) {
    switch (invocation.mode) {
        case Mode::print_help:
            print(STDOUT_FILENO, help_text());
            return ExitStatus::ok;
        case Mode::print_version:
            say("mxpost " + version);
            return ExitStatus::ok;
        default:
            return std::nullopt;
    }
}

ExitStatus run(
    std::span<const std::string> arguments,
    const char* const* environment,
    const std::string& engine,
    const std::string& version
) {
    const bool has_input = occupy_standard_descriptors();
    ignore_write_signals();
    const auto invocation = parse_command_line(arguments);
    if (!invocation) {
        return refuse(ExitStatus::usage, invocation.error().message());
    }
    if (const auto status = run_simple_mode(*invocation, version)) {
        return *status;
    }
    PosixFileSystem files;
    const auto entries = trusted_settings(files, environment);
    const auto loaded = config::load(files, config::kFile, entries);
    if (!loaded) {
        if (invocation->mode == Mode::deliver) {
            drain(STDIN_FILENO);
        }
        complain(loaded.error().message());
        return status_without_settings(loaded.error());
    }
    SystemClock clock;
    SystemRandom random;
    // A submission waits for no daemon (design 1.5).
    const auto log = open_log(loaded->values.log, "mxpost/sendmail", SlowSyslog::drop);
    const HostFiles host_files;
    const HostNames names = find_host_names(loaded->values, host_files, system_host_name());
    SenderRules senders = load_sender_rules(files, loaded->values, names);
    for (const std::string& problem : senders.problems) {
        if (invocation->mode == Mode::check_config) {
            complain(problem);
        } else if (invocation->mode == Mode::deliver) {
            log->warning(problem);
        }
    }
    if (invocation->mode == Mode::check_config) {
        const auto& settings = loaded->values;
        const auto reach = config::check_reach(settings.listen, settings.relay_networks);
        if (!reach) {
            complain(reach.error().message());
            return ExitStatus::config;
        }
        return senders.problems.empty() ? ExitStatus::ok : ExitStatus::config;
    }
    const Surroundings around{
        files,
        clock,
        random,
        *log,
        loaded->values,
        find_identity(::getuid(), host_files),
        names,
        kSystemSpool,
        variable(environment, "NAME"),
        std::move(senders.rewriter)};
    const EngineStarter starter(engine, engine_environment(environment, entries));
    return Call(around, *invocation, starter).run(has_input);
}

}  // namespace

ExitStatus run_front_end(
    std::span<const std::string> arguments,
    const char* const* environment,
    const std::string& engine,
    const std::string& version
) {
    const ExitStatus status = run(arguments, environment, engine, version);
    if (status != ExitStatus::ok || output_error == 0) {
        return status;
    }
    complain(Error::from_errno(output_error, "standard output").message());
    return ExitStatus::io_error;
}

}  // namespace mxpost::submit
