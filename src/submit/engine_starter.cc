#include "submit/engine_starter.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

namespace mxpost::submit {
namespace {

constexpr int kFirstDescriptor = 3;
constexpr int kMostDescriptors = 4;

/// Everything that the child needs, made before it exists: between vfork and exec it may only make
/// system calls, as it runs in our memory.
struct Plan {
    const char* program = nullptr;
    char* const* arguments = nullptr;
    char* const* environment = nullptr;
    std::array<int, kMostDescriptors> descriptors{};
    int descriptor_count = 0;
    int null = -1;  // /dev/null; -1: descriptors 0 to 2 stay
};

void reset_signals() {
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) {
        ::sigaction(number, &standard, nullptr);  // refused for SIGKILL and the like
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void reset_limits() {
    // What the caller lowered for itself (batch jobs do) is raised as far as it may be. Not the
    // stack and core sizes: their hard limits are no sensible sizes.
    for (const auto resource :
         {RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_AS, RLIMIT_NPROC, RLIMIT_NOFILE}) {
        rlimit limit{};
        if (::getrlimit(resource, &limit) == 0 && limit.rlim_cur != limit.rlim_max) {
            constexpr rlim_t kManyFiles = 65536;
            limit.rlim_cur = resource == RLIMIT_NOFILE && limit.rlim_max > kManyFiles
                                 ? kManyFiles
                                 : limit.rlim_max;
            ::setrlimit(resource, &limit);
        }
    }
    ::setpriority(PRIO_PROCESS, 0, 0);  // refused to ordinary users who were niced: so be it
}

void close_from(unsigned first) {
    if (::syscall(SYS_close_range, first, ~0U, 0U) == 0) {
        return;
    }
    constexpr rlim_t kMost = 1U << 20U;
    rlimit limit{};
    const rlim_t end =
        ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < kMost ? limit.rlim_max : kMost;
    for (rlim_t fd = first; fd < end; ++fd) {
        ::close(static_cast<int>(fd));
    }
}

/// Moves the plan's descriptors to 3, 4, … and closes all others. False: out of descriptors.
bool place_descriptors(const Plan& plan) {
    constexpr int kOutOfTheWay = 32;
    std::array<int, kMostDescriptors> copies{};
    for (int i = 0; i < plan.descriptor_count; ++i) {
        const auto at = static_cast<std::size_t>(i);
        copies[at] = ::fcntl(plan.descriptors[at], F_DUPFD, kOutOfTheWay);
        if (copies[at] < 0) {
            return false;
        }
    }
    for (int fd = 0; fd < kFirstDescriptor && plan.null >= 0; ++fd) {
        if (::dup2(plan.null, fd) < 0) {
            return false;
        }
    }
    for (int i = 0; i < plan.descriptor_count; ++i) {
        if (::dup2(copies[static_cast<std::size_t>(i)], kFirstDescriptor + i) < 0) {
            return false;
        }
    }
    close_from(static_cast<unsigned>(kFirstDescriptor + plan.descriptor_count));
    return true;
}

/// Returns only on failure, with errno set.
void become_engine(const Plan& plan) {
    if (plan.null >= 0) {
        ::setsid();
    }
    reset_signals();
    ::umask(022);
    reset_limits();
    if (::chdir("/") == 0 && place_descriptors(plan)) {
        ::execve(plan.program, plan.arguments, plan.environment);
    }
}

/// A function of its own, so that nothing that the child does can spoil the parent's registers.
[[gnu::noinline]] pid_t spawn(const Plan& plan, volatile int& failure) {
    const pid_t child = ::vfork();
    if (child == 0) {
        become_engine(plan);
        failure = errno;
        ::_exit(127);
    }
    return child;
}

/// Pointers to the texts, which must outlive them, as execve wants them.
std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (std::string& text : texts) {
        pointers.push_back(text.data());
    }
    pointers.push_back(nullptr);
    return pointers;
}

/// A plan with the memory that it points to.
class PreparedPlan {
public:
    PreparedPlan(
        const std::string& program,
        const std::vector<std::string>& environment,
        const EngineCall& call
    )
        : program_(program), arguments_(call.arguments), environment_(environment) {
        arguments_.insert(arguments_.begin(), program);
        argument_pointers_ = pointers_to(arguments_);
        environment_pointers_ = pointers_to(environment_);
        plan_.program = program_.c_str();
        plan_.arguments = argument_pointers_.data();
        plan_.environment = environment_pointers_.data();
        for (const int fd : call.descriptors) {
            plan_.descriptors.at(static_cast<std::size_t>(plan_.descriptor_count++)) = fd;
        }
        if (!call.keeps_output) {
            null_ = Fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
            plan_.null = null_.get();
        }
        is_ready_ = call.keeps_output || null_;
    }

    bool is_ready() const { return is_ready_; }
    const Plan& plan() const { return plan_; }

private:
    std::string program_;
    std::vector<std::string> arguments_;
    std::vector<std::string> environment_;
    std::vector<char*> argument_pointers_;
    std::vector<char*> environment_pointers_;
    Fd null_;
    Plan plan_;
    bool is_ready_ = false;
};

}  // namespace

Result<pid_t> EngineStarter::start(const EngineCall& call) const {
    const PreparedPlan prepared(program_, environment_, call);
    if (!prepared.is_ready()) {
        return Error::from_errno(errno, "open /dev/null");
    }
    // Our handlers must not run in the child: it shares our memory until it becomes the engine.
    sigset_t all;
    sigset_t old;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &old);
    volatile int failure = 0;
    const pid_t child = spawn(prepared.plan(), failure);
    const int number = child < 0 ? errno : failure;
    ::sigprocmask(SIG_SETMASK, &old, nullptr);
    if (child > 0 && number != 0) {
        ::waitpid(child, nullptr, 0);
    }
    if (number != 0) {
        return Error::from_errno(number, "start " + program_);
    }
    return child;
}

Error EngineStarter::replace_process(const EngineCall& call) const {
    const PreparedPlan prepared(program_, environment_, call);
    become_engine(prepared.plan());
    return Error::from_errno(errno, "start " + program_);
}

std::vector<std::string> engine_environment(
    const char* const* environment, std::span<const std::string> settings
) {
    std::vector<std::string> entries;
    for (; environment != nullptr && *environment != nullptr; ++environment) {
        const std::string_view entry = *environment;
        if (entry.starts_with("TZ=") || entry.starts_with("LANG=") || entry.starts_with("LC_")) {
            entries.emplace_back(entry);
        }
    }
    entries.insert(entries.end(), settings.begin(), settings.end());
    return entries;
}

}  // namespace mxpost::submit
