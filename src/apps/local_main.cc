#include "apps/local_main.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <iostream>

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_system.h"
#include "base/log.h"
#include "base/text.h"
#include "config/load.h"
#include "local/helper.h"
#include "submit/identity.h"
#include "submit/process.h"

namespace mxpost::apps {

namespace {

constexpr const char* kProgram = "mxpost/local";

/// In ps(1) it isn't taken for an engine.
void name_process() {
    ::prctl(PR_SET_NAME, "mxpost-local", 0, 0, 0);
}

constexpr std::uint64_t kHeaderRoom = 2 * 1024 * 1024;  // of what is added on the way

std::optional<gid_t> mail_group() {
    const group* const entry = ::getgrnam("mail");
    return entry == nullptr || entry->gr_gid == 0 ? std::nullopt : std::optional(entry->gr_gid);
}

Result<local::HelperOptions> helper_options(const config::Settings& settings) {
    const auto client = local::find_account(settings.user);
    if (!client) {
        return client.error();
    }
    if (!*client) {
        return Error::invalid("there is no user \"" + settings.user + "\" (the setting user)");
    }
    const submit::HostNames names =
        submit::find_host_names(settings, submit::HostFiles(), submit::system_host_name());
    local::HelperOptions options;
    options.client = (*client)->uid;
    options.service.min_uid = static_cast<uid_t>(settings.min_local_uid);
    options.service.alias_user = settings.alias_user;
    options.service.delivery.mailbox = settings.mailbox;
    options.service.delivery.alias_files = settings.alias_files;
    options.service.delivery.local_domains = local_domains(settings, names.host);
    options.service.delivery.host_name = names.host;
    options.service.delivery.max_message = settings.message_size_limit + kHeaderRoom;
    options.service.delivery.mail_group = mail_group();
    return options;
}

bool is_listener(int fd) {
    int type = 0;
    int listens = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET &&
           ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens == 1;
}

/// The listening socket that systemd passes (sd_listen_fds(3)), or none.
Fd passed_socket() {
    constexpr int kFirst = 3;
    const char* const pid = std::getenv("LISTEN_PID");
    const char* const count = std::getenv("LISTEN_FDS");
    if (pid == nullptr || count == nullptr ||
        parse_unsigned(pid) != static_cast<std::uint64_t>(::getpid()) ||
        parse_unsigned(count) != 1 || !is_listener(kFirst)) {
        return {};
    }
    ::fcntl(kFirst, F_SETFD, FD_CLOEXEC);
    return Fd(kFirst);
}

ExitStatus fail(Log& log, const std::string& message, ExitStatus status) {
    log.error(message);
    std::cerr << "mxpost: " << message << "\n";
    return status;
}

}  // namespace

std::vector<std::string> local_domains(
    const config::Settings& settings, const std::string& host_name
) {
    std::vector<std::string> domains = settings.local_domains;
    domains.insert(domains.end(), {"localhost", "localhost.localdomain"});
    if (!host_name.empty()) {
        domains.push_back(ascii_lower(host_name));
    }
    // A full name could be that of a domain whose mail is elsewhere; one label means this host.
    const std::string system = submit::system_host_name();
    if (!system.empty() && system.find('.') == std::string::npos) {
        domains.push_back(ascii_lower(system));
    }
    return domains;
}

ExitStatus run_local_helper(const std::string& socket) {
    submit::occupy_standard_descriptors();
    submit::ignore_write_signals();
    ::umask(0007);
    (void)!::chdir("/");
    PosixFileSystem files;
    const auto loaded = config::load(files, config::kFile, config::own_environment(::environ));
    const auto log = open_log(loaded ? loaded->values.log : "", kProgram);
    if (!loaded) {
        return fail(*log, loaded.error().message(), ExitStatus::config);
    }
    if (::geteuid() != 0) {
        return fail(*log, "mxpost local must be started as root", ExitStatus::no_permission);
    }
    auto options = helper_options(loaded->values);
    if (!options) {
        return fail(*log, options.error().message(), ExitStatus::config);
    }
    name_process();
    Fd fd = passed_socket();
    if (!fd) {
        auto listener = local::listen_at(socket, options->client);
        if (!listener) {
            return fail(*log, listener.error().message(), ExitStatus::os_error);
        }
        fd = std::move(*listener);
    }
    local::Helper helper(std::move(*options), *log, local::Helper::Source::listener, std::move(fd));
    helper.run();
    return ExitStatus::ok;
}

Result<Fd> fork_local_helper(const config::Settings& settings) {
    auto options = helper_options(settings);
    if (!options) {
        return options.error();
    }
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return Error::from_errno(errno, "socketpair");
    }
    Fd ours(ends[0]);
    Fd theirs(ends[1]);
    const pid_t pid = ::fork();
    if (pid < 0) {
        return Error::from_errno(errno, "fork");
    }
    if (pid > 0) {
        return ours;
    }
    // Above all the engine's box: its lock belongs to whoever has it open.
    if (::dup2(theirs.get(), 3) != 3) {
        ::_exit(EXIT_FAILURE);
    }
    ::close_range(4, ~0U, 0);
    (void)ours.release();
    if (theirs.get() != 3) {
        (void)theirs.release();
        theirs = Fd(3);
    }
    ::fcntl(theirs.get(), F_SETFD, FD_CLOEXEC);
    ::setsid();
    name_process();
    submit::ignore_write_signals();
    const auto log = open_log(settings.log, kProgram);
    local::Helper helper(
        std::move(*options), *log, local::Helper::Source::channel, std::move(theirs)
    );
    helper.run();
    ::_exit(EXIT_SUCCESS);
}

}  // namespace mxpost::apps
