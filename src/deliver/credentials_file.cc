#include "deliver/credentials_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "local/account.h"

namespace mxpost::deliver {
namespace {

constexpr std::size_t kMaxSize = 16384;  // tokens have a few thousand octets

CredentialsProblem problem(const std::string& path, const std::string& what) {
    return {false, path + " (relay-credentials) " + what};
}

/// Empty when nobody else can read or change the file.
std::string exposure(const struct stat& status, const TrustedUser& trusted) {
    if (!S_ISREG(status.st_mode)) {
        return "is not a regular file";
    }
    if (status.st_uid != 0 && status.st_uid != ::geteuid() && status.st_uid != trusted.uid) {
        return "belongs to another user (uid " + std::to_string(status.st_uid) +
               ") and is not used: chown root";
    }
    if ((status.st_mode & 0007U) != 0) {
        return "is open to everybody and is not used: chmod 640";
    }
    const bool is_group_trusted = status.st_gid == 0 || status.st_gid == trusted.gid;
    if ((status.st_mode & 0070U) != 0 && !is_group_trusted) {
        return "is open to the group with gid " + std::to_string(status.st_gid) +
               " and is not used: chgrp mxpost";
    }
    return {};
}

/// A line without control characters, with ':' between user and secret.
CredentialsResult parse(const std::string& path, std::string_view text) {
    const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == line.size()) {
        return problem(path, "must have user:password in its first line");
    }
    const bool has_control = std::ranges::any_of(line, [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    if (has_control) {
        return problem(path, "has a control character in its first line");
    }
    auto credentials = std::make_shared<protocol::Credentials>();
    credentials->user = line.substr(0, colon);
    credentials->secret = Secret(line.substr(colon + 1));
    return credentials;
}

}  // namespace

TrustedUser trusted_user(const config::Settings& settings) {
    TrustedUser trusted;
    if (const auto user = local::find_account(settings.user); user && *user) {
        trusted.uid = (*user)->uid;
        trusted.gid = (*user)->gid;
    }
    return trusted;
}

CredentialsResult read_credentials(const std::string& path, const TrustedUser& trusted) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0) {
        const bool is_forbidden = errno == EACCES || errno == EPERM;
        CredentialsProblem unreadable =
            problem(path, std::string("can't be read: ") + std::strerror(errno));
        unreadable.text += is_forbidden ? " (it should have mode 640 and group mxpost)" : "";
        unreadable.is_forbidden = is_forbidden;
        return unreadable;
    }
    if (const std::string exposed = exposure(status, trusted); !exposed.empty()) {
        return problem(path, exposed);
    }
    std::array<char, kMaxSize> buffer{};
    const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0) {
        return problem(path, std::string("can't be read: ") + std::strerror(errno));
    }
    if (static_cast<std::size_t>(size) == buffer.size()) {
        explicit_bzero(buffer.data(), buffer.size());
        return problem(path, "is too large");
    }
    auto result = parse(path, {buffer.data(), static_cast<std::size_t>(size)});
    explicit_bzero(buffer.data(), buffer.size());
    return result;
}

}  // namespace mxpost::deliver
