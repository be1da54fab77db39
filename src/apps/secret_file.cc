#include "apps/secret_file.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "local/account.h"

namespace mxpost::apps {

std::optional<gid_t> engine_group(const config::Settings& settings) {
    if (::geteuid() != 0) {
        return std::nullopt;
    }
    const auto user = local::find_account(settings.user);
    return user && *user ? std::optional((*user)->gid) : std::nullopt;
}

Result<void> share(FileSystem& files, int fd, std::optional<gid_t> group, mode_t mode) {
    if (!group) {
        return {};
    }
    if (::fchown(fd, static_cast<uid_t>(-1), *group) != 0) {
        return Error::from_errno(errno, "chown");
    }
    return files.fchmod(fd, mode);
}

Result<void> write_secret_file(
    FileSystem& files, const std::string& path, std::string_view text, std::optional<gid_t> group
) {
    const auto file = files.open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!file) {
        return file.error();
    }
    auto done = files.write(file->get(), text);
    if (done) {
        done = share(files, file->get(), group, 0640);
    }
    if (done) {
        done = files.fsync(file->get());
    }
    if (!done) {
        (void)files.unlink(AT_FDCWD, path).has_value();
    }
    return done;
}

}  // namespace mxpost::apps
