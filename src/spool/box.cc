#include "spool/box.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/base32.h"
#include "base/text.h"

namespace mxpost::spool {
namespace {

constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
/// A box younger than this may have been made by a call that hasn't synced the root yet.
constexpr std::chrono::minutes kYoung{1};

bool is_group_usable(const struct stat& box, const struct stat& root) {
    // Without set-gid the files in it get the caller's group, and the system engine can't read
    // them.
    return box.st_gid == root.st_gid && (box.st_mode & S_IRWXG) == S_IRWXG &&
           ((box.st_mode & S_ISGID) != 0 || (root.st_mode & S_ISGID) == 0);
}

/// The box `name` if `uid` owns it; ENOTDIR or EEXIST when it is something else or another's.
Result<Box> open_if_owned(
    FileSystem& files,
    int root,
    const struct stat& root_status,
    const std::string& path,
    const std::string& name,
    uid_t uid
) {
    auto directory = files.open(root, name, kOpenDirectory);
    if (!directory) {
        return directory.error();
    }
    const auto status = files.fstat(directory->get());
    if (!status) {
        return status.error();
    }
    if (status->st_uid != uid) {
        return Error::from_errno(EEXIST, "box " + path + "/" + name + " belongs to another user");
    }
    return Box(
        std::move(*directory), path + "/" + name, uid, is_group_usable(*status, root_status)
    );
}

Result<void> make_box(FileSystem& files, int root, const std::string& name) {
    // With an empty mask mkdir itself gives 0770, and the kernel adds set-gid and the group. A
    // chmod afterwards would clear set-gid for a caller outside the group.
    const mode_t mask = files.umask(0);
    auto made = files.mkdir(root, name, 0770);
    files.umask(mask);
    return made;
}

/// True when the name is taken by something that isn't ours, so that another name must do.
bool is_squatted(const Error& error) {
    return error.is(EEXIST) || error.is(ENOTDIR) || error.is(ELOOP) || error.is(EACCES);
}

/// Our box under another name ("UID-RANDOM"), which some earlier call made.
Result<std::string> find_other_box(FileSystem& files, int root, uid_t uid) {
    const std::string prefix = std::to_string(uid) + "-";
    std::string found;
    auto listed = files.list(root, [&](std::string_view name, unsigned char) {
        if (name.starts_with(prefix) && is_box_name(name)) {
            const auto status = files.stat(root, std::string(name));
            if (status && S_ISDIR(status->st_mode) && status->st_uid == uid) {
                found = name;
                return false;
            }
        }
        return true;
    });
    if (!listed) {
        return listed.error();
    }
    return found;
}

/// Whoever commits to a young box syncs the root, because its maker may not have come to that yet.
Result<void> make_durable(FileSystem& files, int root, const Box& box, const Clock& clock) {
    const auto born = files.birth_time(box.directory());
    if (born && *born <= clock.now() && clock.now() - *born > kYoung) {
        return {};
    }
    return files.fsync(root);
}

}  // namespace

bool is_box_name(std::string_view name) {
    constexpr std::size_t kLongest = 64;
    const auto dash = name.find('-');
    if (name.size() > kLongest || !parse_unsigned(name.substr(0, dash))) {
        return false;
    }
    const auto random = dash == std::string_view::npos ? "0" : name.substr(dash + 1);
    return !random.empty() && std::ranges::all_of(random, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
    });
}

Result<Box> open_own_box(
    FileSystem& files, const std::string& path, uid_t uid, const Clock& clock, Random& random
) {
    auto root = files.open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    if (!root) {
        return root.error();
    }
    const auto root_status = files.fstat(root->get());
    if (!root_status) {
        return root_status.error();
    }
    const auto space = files.space(root->get());
    if (!space) {
        return space.error();
    }
    if (space->is_network) {
        return Error::from_errno(EREMOTE, "spool " + path + " is on a network file system");
    }
    std::string name = std::to_string(uid);
    auto box = open_if_owned(files, root->get(), *root_status, path, name, uid);
    for (int attempt = 0; !box && attempt < 3; ++attempt) {
        if (is_squatted(box.error())) {
            const auto other = find_other_box(files, root->get(), uid);
            if (!other) {
                return other.error();
            }
            name =
                !other->empty() ? *other : std::to_string(uid) + "-" + to_base32(random.bits(), 8);
        } else if (!box.error().is(ENOENT)) {
            return box.error();
        }
        auto made = make_box(files, root->get(), name);
        if (!made && !made.error().is(EEXIST)) {
            return made.error();
        }
        box = open_if_owned(files, root->get(), *root_status, path, name, uid);
    }
    if (!box) {
        return box.error();
    }
    if (auto done = make_durable(files, root->get(), *box, clock); !done) {
        return done.error();
    }
    return box;
}

Result<Box> open_box(FileSystem& files, const std::string& root_path, const std::string& name) {
    auto root = files.open(AT_FDCWD, root_path, O_RDONLY | O_DIRECTORY);
    if (!root) {
        return root.error();
    }
    auto directory = files.open(root->get(), name, kOpenDirectory);
    if (!directory) {
        return directory.error();
    }
    return adopt_box(files, std::move(*directory), root_path + "/" + name);
}

Result<Box> adopt_box(FileSystem& files, Fd directory, std::string path) {
    const auto status = files.fstat(directory.get());
    if (!status) {
        return status.error();
    }
    if (!S_ISDIR(status->st_mode)) {
        return Error::from_errno(ENOTDIR, path);
    }
    constexpr mode_t kShared = S_IRWXG | S_ISGID;
    const bool is_shared = (status->st_mode & kShared) == kShared;
    return Box(std::move(directory), std::move(path), status->st_uid, is_shared);
}

bool is_wanted_by_system(FileSystem& files, int box_directory) {
    auto entry =
        files.open(box_directory, kSystemLockName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (!entry) {
        return false;
    }
    // A lock, not the entry's existence: a dead system engine blocks nobody.
    const auto locked = files.try_lock_shared(entry->get());
    return locked && !*locked;
}

Result<std::vector<Box>> list_boxes(
    FileSystem& files, const std::string& root_path, uid_t owner, std::vector<std::string>* closed
) {
    std::vector<Box> boxes;
    const auto visited = visit_boxes(
        files,
        root_path,
        owner,
        [](const std::string&) { return true; },
        [&](Box box) { boxes.push_back(std::move(box)); },
        closed
    );
    if (!visited) {
        return visited.error();
    }
    return boxes;
}

Result<void> visit_boxes(
    FileSystem& files,
    const std::string& root_path,
    uid_t owner,
    const std::function<bool(const std::string& name)>& wants,
    const std::function<void(Box box)>& visit,
    std::vector<std::string>* closed
) {
    auto root = files.open(AT_FDCWD, root_path, O_RDONLY | O_DIRECTORY);
    if (!root) {
        if (root.error().is(ENOENT) || root.error().is(EACCES)) {
            return {};
        }
        return root.error();
    }
    std::optional<Error> lack;
    auto listed = files.list(root->get(), [&](std::string_view entry, unsigned char) {
        // Names that no box has are left alone: the root may hold what its administrator put there.
        const std::string name(entry);
        if (!is_box_name(name) || !wants(name)) {
            return true;
        }
        auto directory = files.open(root->get(), name, kOpenDirectory);
        if (!directory) {
            if (directory.error().is(EMFILE) || directory.error().is(ENFILE)) {
                lack = directory.error();
                return false;
            }
            const auto status = files.stat(root->get(), name);
            const bool is_asked_for = owner == kAnyOwner || (status && status->st_uid == owner);
            if (closed != nullptr && is_asked_for && !directory.error().is(ENOENT)) {
                closed->push_back(root_path + "/" + name);
            }
            return true;
        }
        auto box = adopt_box(files, std::move(*directory), root_path + "/" + name);
        if (box && (owner == kAnyOwner || box->owner() == owner)) {
            visit(std::move(*box));
        }
        return true;
    });
    return lack ? Result<void>(*lack) : listed;
}

std::vector<std::string> spool_candidates(
    const std::string& configured, const std::string& system, uid_t uid, const std::string& home
) {
    constexpr uid_t kFirstOrdinaryUid = 1000;
    std::vector<std::string> candidates;
    if (!configured.empty()) {
        candidates.push_back(configured);
    }
    if (configured != system) {
        candidates.push_back(system);
    }
    if (uid >= kFirstOrdinaryUid && home.size() > 1 && home.front() == '/') {
        candidates.push_back(home + "/.local/state/mxpost");
    }
    return candidates;
}

Result<void> make_home_spool(
    FileSystem& files, const std::string& path, const std::string& home, uid_t uid
) {
    if (path.size() <= home.size() + 1 || path.substr(0, home.size() + 1) != home + "/") {
        return {};
    }
    auto at = files.open(AT_FDCWD, home, kOpenDirectory);
    if (!at) {
        return at.error();
    }
    for (const std::string_view component :
         split(std::string_view(path).substr(home.size() + 1), '/')) {
        const std::string name(component);
        auto next = files.open(at->get(), name, kOpenDirectory);
        if (!next && next.error().is(ENOENT)) {
            if (auto made = files.mkdir(at->get(), name, 0700); !made && !made.error().is(EEXIST)) {
                return made.error();
            }
            if (auto synced = files.fsync(at->get()); !synced) {
                return synced.error();
            }
            next = files.open(at->get(), name, kOpenDirectory);
        }
        if (!next) {
            return next.error();
        }
        const auto status = files.fstat(next->get());
        if (!status) {
            return status.error();
        }
        if (status->st_uid != uid && status->st_uid != 0) {
            return Error::from_errno(
                EACCES, path + " is not safe: a part of it belongs to another user"
            );
        }
        at = std::move(next);
    }
    return {};
}

}  // namespace mxpost::spool
