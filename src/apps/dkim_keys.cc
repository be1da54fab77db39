#include "apps/dkim_keys.h"

#include <cerrno>

#include <fcntl.h>

#include "apps/secret_file.h"

namespace mxpost::apps {
namespace {

Result<void> set_mode(FileSystem& files, const std::string& path, mode_t mode) {
    const auto directory = files.open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    return directory ? files.fchmod(directory->get(), mode) : directory.error();
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
        // Whatever the umask: /etc/mxpost has other files, which every engine reads.
        if (made) {
            if (const auto opened = set_mode(files, parent, 0755); !opened) {
                return opened.error();
            }
        }
    }
    const auto made = files.mkdir(AT_FDCWD, path, 0700);
    if (!made) {
        return made.error().is(EEXIST) ? Result<void>() : made.error();
    }
    const auto directory = files.open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    return directory ? share(files, directory->get(), group, 0750) : directory.error();
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
        const Secret pem = keys[i].key.pem();
        if (const auto written = write_secret_file(files, keys[i].path, pem.view(), group);
            !written) {
            for (std::size_t before = 0; before < i; ++before) {
                (void)files.unlink(AT_FDCWD, keys[before].path).has_value();
            }
            return Error(written.error().code(), "can't write " + keys[i].path);
        }
    }
    return {};
}

}  // namespace mxpost::apps
