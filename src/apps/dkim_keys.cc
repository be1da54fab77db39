#include "apps/dkim_keys.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace mxpost::apps {
namespace {

/// Gives what was just made to the group, as far as the caller may.
Result<void> share(FileSystem& files, int fd, std::optional<gid_t> group, mode_t mode) {
    if (!group) {
        return {};
    }
    if (::fchown(fd, static_cast<uid_t>(-1), *group) != 0) {
        return Error::from_errno(errno, "chown");
    }
    return files.fchmod(fd, mode);
}

/// The last two components, so that a misspelt path makes no tree.
Result<void> make_directory(
    FileSystem& files, const std::string& path, std::optional<gid_t> group
) {
    const std::string parent = path.substr(0, path.rfind('/'));
    if (!parent.empty()) {
        const auto made = files.mkdir(AT_FDCWD, parent, 0755);
        if (!made && !made.error().is(EEXIST)) {
            return made.error();
        }
    }
    const auto made = files.mkdir(AT_FDCWD, path, 0700);
    if (!made) {
        return made.error().is(EEXIST) ? Result<void>() : made.error();
    }
    const auto directory = files.open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    return directory ? share(files, directory->get(), group, 0750) : directory.error();
}

Result<void> write_key(FileSystem& files, const NewKey& key, std::optional<gid_t> group) {
    const auto file =
        files.open(AT_FDCWD, key.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!file) {
        return file.error();
    }
    const Secret pem = key.key.pem();
    auto done = files.write(file->get(), pem.view());
    if (done) {
        done = share(files, file->get(), group, 0640);
    }
    if (done) {
        done = files.fsync(file->get());
    }
    if (!done) {
        (void)files.unlink(AT_FDCWD, key.path).has_value();
    }
    return done;
}

}  // namespace

Result<void> write_keys(
    FileSystem& files,
    const std::string& directory,
    const std::vector<NewKey>& keys,
    std::optional<gid_t> group
) {
    if (const auto made = make_directory(files, directory, group); !made) {
        return Error(made.error().code(), "can't make " + directory);
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (const auto written = write_key(files, keys[i], group); !written) {
            for (std::size_t before = 0; before < i; ++before) {
                (void)files.unlink(AT_FDCWD, keys[before].path).has_value();
            }
            return Error(written.error().code(), "can't write " + keys[i].path);
        }
    }
    return {};
}

}  // namespace mxpost::apps
