#include "submit/identity.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <spawn.h>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "mail/fix_up.h"

namespace mxpost::submit {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
constexpr std::size_t kEntrySize = 16384;
constexpr std::size_t kLongestLine = 4096;
constexpr int kMostLines = 100000;

File open_file(const std::string& path) {
    return {std::fopen(path.c_str(), "re"), std::fclose};
}

Identity make_identity(
    uid_t uid, std::string_view login, std::string_view gecos, std::string_view home
) {
    Identity identity;
    identity.uid = uid;
    identity.login = login;
    identity.full_name = mail::full_name_from_gecos(gecos, login);
    identity.home = home;
    return identity;
}

/// A domain name that other hosts could know.
bool is_full_name(std::string_view name) {
    if (name.find('.') == std::string_view::npos || !mail::is_domain_name(name)) {
        return false;
    }
    const std::string_view top = name.substr(name.rfind('.') + 1);
    return !ascii_iequals(top, "localdomain") && !ascii_iequals(top, "localhost") &&
           top.find_first_not_of("0123456789") != std::string_view::npos;
}

std::string without_dot(std::string_view name) {
    return std::string(name.ends_with('.') ? name.substr(0, name.size() - 1) : name);
}

/// Each line, without its end, to `visit`, until that returns false.
template <class Visit>
void for_each_line(const std::string& path, Visit visit) {
    const File file = open_file(path);
    std::array<char, kLongestLine> line{};
    for (int i = 0; file && i < kMostLines; ++i) {
        if (std::fgets(line.data(), line.size(), file.get()) == nullptr ||
            !visit(trim(line.data()))) {
            return;
        }
    }
}

/// passwd(5): login, password, uid, gid, GECOS, home, shell.
std::optional<Identity> identity_of(std::string_view line, uid_t uid) {
    constexpr std::size_t kFields = 7;
    const auto fields = split(line, ':');
    if (fields.size() != kFields || fields[0].empty() || parse_unsigned(fields[2]) != uid) {
        return std::nullopt;
    }
    return make_identity(uid, fields[0], fields[4], fields[5]);
}

/// Read here and not with fgetpwent(3), which asks for its file's position at every line.
std::optional<Identity> identity_in(const std::string& path, uid_t uid) {
    std::optional<Identity> found;
    for_each_line(path, [&](std::string_view line) {
        found = identity_of(line, uid);
        return !found;
    });
    return found;
}

/// Asks the directory services by way of getent(1). getpwuid(3) would have to load them into this
/// program, for which it could not be linked statically; and few callers need it.
std::optional<Identity> identity_from_getent(const std::string& getent, uid_t uid) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
        return std::nullopt;
    }
    const Fd input(pipe[0]);
    Fd output(pipe[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    ::posix_spawn_file_actions_adddup2(&actions, output.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);
    std::string name = "getent";
    std::string database = "passwd";
    std::string key = std::to_string(uid);
    std::array<char*, 4> arguments{name.data(), database.data(), key.data(), nullptr};
    std::array<char*, 1> environment{nullptr};
    pid_t child = -1;
    const int failed = ::posix_spawn(
        &child, getent.c_str(), &actions, nullptr, arguments.data(), environment.data()
    );
    ::posix_spawn_file_actions_destroy(&actions);
    output.reset();
    if (failed != 0) {
        return std::nullopt;
    }
    std::string text;
    std::array<char, kLongestLine> buffer{};
    ssize_t got = 0;
    while (text.size() < kEntrySize && (got = ::read(input.get(), buffer.data(), buffer.size())) > 0
    ) {
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return identity_of(trim(text), uid);
}

std::string mailname_in(const std::string& path) {
    std::string name;
    for_each_line(path, [&](std::string_view line) {
        name = without_dot(line);
        return false;
    });
    return is_full_name(name) ? name : "";
}

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    std::size_t at = 0;
    while ((at = line.find_first_not_of(" \t", at)) != std::string_view::npos) {
        const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
        words.push_back(line.substr(at, end - at));
        at = end;
    }
    return words;
}

/// hosts(5): address, canonical name, aliases.
std::string canonical_name_in(const std::string& path, std::string_view short_name) {
    std::string canonical;
    for_each_line(path, [&](std::string_view line) {
        const auto words = words_of(line.substr(0, line.find('#')));
        for (std::size_t i = 1; i < words.size(); ++i) {
            if (ascii_iequals(words[i], short_name) && is_full_name(without_dot(words[1]))) {
                canonical = without_dot(words[1]);
                return false;
            }
        }
        return true;
    });
    return canonical;
}

}  // namespace

Identity find_identity(uid_t uid, const HostFiles& files) {
    if (auto listed = identity_in(files.passwd, uid)) {
        return std::move(*listed);
    }
    if (auto found = identity_from_getent(files.getent, uid)) {
        return std::move(*found);
    }
    return make_identity(uid, "uid" + std::to_string(uid), "", "");
}

mail::Address login_address(const std::string& login) {
    const auto as_written = mail::parse_reverse_path(login);
    if (as_written && *as_written && !(*as_written)->is_qualified()) {
        return **as_written;
    }
    std::string quoted = "\"";
    for (const char c : login) {
        if (c == '"' || c == '\\') {
            quoted += '\\';
        }
        quoted += c;
    }
    const auto as_quoted = mail::parse_reverse_path(quoted + "\"");
    return as_quoted && *as_quoted ? **as_quoted : mail::Address("unknown", "");
}

HostNames find_host_names(
    const config::Settings& settings, const HostFiles& files, std::string_view system_name
) {
    HostNames names;
    const std::string system = without_dot(system_name);
    if (!settings.host_name.empty()) {
        names.host = settings.host_name;
    } else if (is_full_name(system)) {
        names.host = system;
    } else if (!system.empty()) {
        names.host = canonical_name_in(files.hosts, system);
    }
    names.domain = settings.from_domain;
    if (names.domain.empty()) {
        names.domain = mailname_in(files.mailname);
    }
    if (names.domain.empty()) {
        names.domain = names.host;
    }
    if (names.host.empty() && mail::is_domain_name(system)) {
        names.host = system;  // good enough for Received
    }
    return names;
}

std::string system_host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0 || !mail::is_domain_name(name.data())) {
        return "";
    }
    return name.data();
}

}  // namespace mxpost::submit
