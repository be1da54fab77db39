#include "local/program.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sysexits.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"

namespace mxpost::local {

namespace {

constexpr std::size_t kMaxOutput = 4096;  // kept; the rest is read and thrown away
constexpr rlim_t kMaxFiles = 1024;

using SteadyClock = std::chrono::steady_clock;

mail::RecipientOutcome trouble(const std::string& command, const std::string& reason) {
    return {mail::OutcomeKind::deferred, {4, 3, 0}, "|" + printable(command, 200) + ": " + reason};
}

/// For text of a message in the environment of programs that may hand it to a shell.
std::string harmless(std::string_view text) {
    static constexpr std::string_view kKept = "!@%-_=+:,./";
    std::string out(text);
    std::replace_if(
        out.begin(),
        out.end(),
        [](char c) {
            const bool is_alphanumeric =
                (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            return !is_alphanumeric && kKept.find(c) == std::string_view::npos;
        },
        '_'
    );
    return out;
}

struct Pipe {
    Fd read;
    Fd write;
};

Result<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return Error::from_errno(errno, "pipe2");
    }
    return Pipe{Fd(ends[0]), Fd(ends[1])};
}

/// The program's process until it is another program. Allocates nothing: everything is ready.
class Child {
public:
    Child(const Program& program, Pipe& input, Pipe& output, Pipe& error)
        : program_(program), input_(input), output_(output), error_(error) {
        for (const std::string& word : program.words) {
            arguments_.push_back(const_cast<char*>(word.c_str()));
        }
        arguments_.push_back(nullptr);
        for (const auto& [name, value] : program.environment) {
            texts_.push_back(name + "=" + value);
        }
        for (const std::string& text : texts_) {
            environment_.push_back(const_cast<char*>(text.c_str()));
        }
        environment_.push_back(nullptr);
        const std::string& name = program.words.front();
        if (name.find('/') != std::string::npos) {
            paths_.push_back(name);
        } else {
            for (const std::string_view directory : split(kProgramPath, ':')) {
                paths_.push_back(std::string(directory) + "/" + name);
            }
        }
    }

    [[noreturn]] void become_program() {
        int error = prepare();
        if (error == 0) {
            error = ENOENT;
            for (const std::string& path : paths_) {
                ::execve(path.c_str(), arguments_.data(), environment_.data());
                error = errno != ENOENT ? errno : error;
            }
        }
        (void)!::write(error_.write.get(), &error, sizeof error);
        ::_exit(127);
    }

private:
    int prepare() {
        ::setsid();
        if (!give_up_mail_group(program_.group)) {
            return EPERM;
        }
        // Killed with the one who waits for it. A change of group would have cleared it.
        ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (::dup2(input_.read.get(), 0) < 0 || ::dup2(output_.write.get(), 1) < 0 ||
            ::dup2(output_.write.get(), 2) < 0) {
            return errno;
        }
        for (int number = 1; number < NSIG; ++number) {
            ::signal(number, SIG_DFL);
        }
        sigset_t none;
        sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        ::umask(077);
        const rlimit no_core{0, 0};
        ::setrlimit(RLIMIT_CORE, &no_core);
        const rlimit files{kMaxFiles, kMaxFiles};
        ::setrlimit(RLIMIT_NOFILE, &files);
        if (::chdir(program_.directory.c_str()) != 0 && ::chdir("/") != 0) {
            return errno;
        }
        // Everything else closes by itself: no descriptor of this program lacks FD_CLOEXEC; but one
        // may have been handed in by whoever started it.
        ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
        return 0;
    }

    const Program& program_;
    Pipe& input_;
    Pipe& output_;
    Pipe& error_;
    std::vector<char*> arguments_;
    std::vector<std::string> texts_;
    std::vector<char*> environment_;
    std::vector<std::string> paths_;
};

/// The running program as seen by who feeds it.
class Run {
public:
    Run(const Program& program, pid_t pid, Fd input, Fd output)
        : pid_(pid),
          input_(std::move(input)),
          output_(std::move(output)),
          deadline_(SteadyClock::now() + program.time_limit) {
        ::fcntl(input_.get(), F_SETFL, O_NONBLOCK);
        ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run() { (void)end(); }

    /// Waits until the program takes it, it needs no more, or time is up (error).
    Result<void> feed(std::string_view text) {
        while (!text.empty() && input_) {
            const ssize_t taken = ::write(input_.get(), text.data(), text.size());
            if (taken > 0) {
                text.remove_prefix(static_cast<std::size_t>(taken));
            } else if (errno == EAGAIN) {
                if (auto waited = wait(); !waited) {
                    return waited;
                }
            } else if (errno != EINTR) {
                input_.reset();  // EPIPE: it wants no more
            }
        }
        return {};
    }

    /// Until it has ended: what it started in the background may hold its output open.
    Result<void> finish() {
        input_.reset();
        const Fd end(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
        while (!has_ended()) {
            if (auto waited = wait(end.get()); !waited) {
                return waited;
            }
        }
        read_output();
        return {};
    }

    /// Kills what is left of it; its wait status.
    int end() {
        if (pid_ > 0) {
            ::kill(-pid_, SIGKILL);
            ::kill(pid_, SIGKILL);
            while (!is_reaped_ && ::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
            }
            pid_ = 0;
        }
        return status_;
    }
    /// Of a program that has_ended(): lets what it left in its group live on.
    int status() {
        pid_ = 0;
        return status_;
    }
    const std::string& said() const { return said_; }

private:
    bool has_ended() {
        is_reaped_ = is_reaped_ || ::waitpid(pid_, &status_, WNOHANG) == pid_;
        return is_reaped_;
    }

    /// Until something can be read or written, or the program ended if `end` tells of that (a
    /// pidfd); else for a short time at most.
    Result<void> wait(int end = -1) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - SteadyClock::now());
        if (left.count() <= 0) {
            return Error::from_errno(ETIMEDOUT, "program");
        }
        std::array<pollfd, 3> events{
            pollfd{output_.get(), POLLIN, 0},
            pollfd{input_.get(), POLLOUT, 0},
            pollfd{end, POLLIN, 0}};
        const long most = end >= 0 ? 60'000 : 100;
        ::poll(events.data(), events.size(), static_cast<int>(std::min<long>(left.count(), most)));
        read_output();
        return {};
    }

    void read_output() {
        std::array<char, 4096> buffer{};
        while (output_) {
            const ssize_t got = ::read(output_.get(), buffer.data(), buffer.size());
            if (got > 0) {
                said_.append(
                    buffer.data(),
                    std::min(static_cast<std::size_t>(got), kMaxOutput - said_.size())
                );
                if (SteadyClock::now() > deadline_) {
                    return;
                }
            } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
                output_.reset();
            } else if (errno == EAGAIN) {
                return;
            }
        }
    }

    pid_t pid_;
    Fd input_;
    Fd output_;
    SteadyClock::time_point deadline_;
    std::string said_;
    int status_ = 0;
    bool is_reaped_ = false;
};

/// The error of execve, 0 when it succeeded (the pipe closed by itself).
int exec_error(const Fd& fd) {
    int error = 0;
    ssize_t got = 0;
    do {
        got = ::read(fd.get(), &error, sizeof error);
    } while (got < 0 && errno == EINTR);
    return got == sizeof error ? error : 0;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> program_environment(
    const Account& account, const ProgramMail& mail
) {
    const std::string recipient = harmless(mail.recipient);
    const std::size_t at = recipient.rfind('@');
    std::vector<std::pair<std::string, std::string>> environment{
        {"HOME", account.home},
        {"USER", account.name},
        {"LOGNAME", account.name},
        {"SHELL", account.shell.empty() ? "/bin/sh" : account.shell},
        {"PATH", kProgramPath},
        {"LANG", "C"},
        {"SENDER", harmless(mail.sender)},
        {"RECIPIENT", recipient},
        {"ORIGINAL_RECIPIENT", harmless(mail.original_recipient)},
        {"LOCAL", recipient.substr(0, at)},
        {"DOMAIN", at == std::string::npos ? "" : recipient.substr(at + 1)}};
    if (const char* const zone = std::getenv("TZ")) {
        environment.emplace_back("TZ", zone);
    }
    return environment;
}

mail::RecipientOutcome outcome_of_exit(
    int status, const std::string& command, std::string_view output
) {
    using mail::OutcomeKind;
    struct Row {
        int exit;
        OutcomeKind kind;
        mail::EnhancedStatus status;
    };
    static constexpr std::array kRows = {
        Row{EX_USAGE, OutcomeKind::failed, {5, 3, 5}},
        Row{EX_DATAERR, OutcomeKind::failed, {5, 6, 0}},
        Row{EX_NOUSER, OutcomeKind::failed, {5, 1, 1}},
        Row{EX_NOHOST, OutcomeKind::failed, {5, 1, 2}},
        Row{EX_OSERR, OutcomeKind::deferred, {4, 3, 0}},
        Row{EX_IOERR, OutcomeKind::deferred, {4, 3, 0}},
        Row{EX_TEMPFAIL, OutcomeKind::deferred, {4, 3, 0}},
        Row{EX_PROTOCOL, OutcomeKind::failed, {5, 5, 0}},
        Row{EX_NOPERM, OutcomeKind::failed, {5, 7, 0}},
        Row{EX_CONFIG, OutcomeKind::failed, {5, 3, 5}}};
    if (status == 0) {
        return {OutcomeKind::delivered, {2, 0, 0}, "delivered to |" + printable(command, 200)};
    }
    mail::RecipientOutcome outcome(OutcomeKind::failed, {5, 3, 0}, "");
    for (const Row& row : kRows) {
        if (row.exit == status) {
            outcome.kind = row.kind;
            outcome.status = row.status;
        }
    }
    const std::string_view trimmed = trim(output);
    const std::string said = printable(trimmed.substr(0, trimmed.find('\n')), 250);
    outcome.text = "|" + printable(command, 150) + ": exit status " + std::to_string(status) +
                   (said.empty() ? "" : ": " + said);
    return outcome;
}

mail::RecipientOutcome run_program(
    const Program& program, const MessageReader& message, const std::string& from_line
) {
    auto input = make_pipe();
    auto output = make_pipe();
    auto error = make_pipe();
    if (!input || !output || !error) {
        return trouble(program.command, "no pipe can be made");
    }
    Child child(program, *input, *output, *error);
    const pid_t pid = ::fork();
    if (pid < 0) {
        return trouble(program.command, std::string("fork: ") + std::strerror(errno));
    }
    if (pid == 0) {
        child.become_program();
    }
    input->read.reset();
    output->write.reset();
    error->write.reset();
    Run run(program, pid, std::move(input->write), std::move(output->read));
    if (const int number = exec_error(error->read); number != 0) {
        auto result =
            trouble(program.command, std::string("can't be run: ") + std::strerror(number));
        result.status = {4, 3, 5};
        return result;
    }
    auto done = run.feed(from_line + "\n");
    if (done) {
        done = message.read([&](std::string_view piece) { return run.feed(piece); });
    }
    if (done) {
        done = run.finish();
    }
    if (!done) {
        const bool is_late = done.error().is(ETIMEDOUT);
        return trouble(
            program.command,
            is_late ? "killed after " + std::to_string(program.time_limit.count()) + " seconds"
                    : done.error().message()
        );
    }
    const int status = run.status();
    if (WIFSIGNALED(status)) {
        return trouble(program.command, "killed by signal " + std::to_string(WTERMSIG(status)));
    }
    return outcome_of_exit(WEXITSTATUS(status), program.command, run.said());
}

}  // namespace mxpost::local
