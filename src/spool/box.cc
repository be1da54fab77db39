#include "spool/box.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/base32.h"
#include "base/text.h"

namespace mxpost::spool {
namespace {

constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
/// A box younger than this may have been made by a call that hasn't synced the root yet.
constexpr std::chrono::minutes kYoung{1};
constexpr std::chrono::hours kUsed{24};  // much less than what makes a box unused

bool is_group_usable(const struct stat& box, const struct stat& root) {
    // Without set-gid the files in it get the caller's group, and the system engine can't read
    // them.
    return box.st_gid == root.st_gid && (box.st_mode & S_IRWXG) == S_IRWXG &&
           ((box.st_mode & S_ISGID) != 0 || (root.st_mode & S_ISGID) == 0);
}

/// An entry of an access control list for a user or a group by number, as acl(5) names them.
struct NamedEntry {
    bool is_group = false;
    std::uint32_t id = 0;
    friend bool operator==(const NamedEntry&, const NamedEntry&) = default;
};

/// Those of the directory's list `attribute` that have the right to write. nullopt: it is too long.
std::optional<std::vector<NamedEntry>> named_writers(int directory, const char* attribute) {
    // linux/posix_acl_xattr.h: a version, then entries of tag, rights and id, little-endian.
    constexpr std::size_t kVersionSize = 4;
    constexpr std::size_t kEntrySize = 8;
    constexpr unsigned kUser = 0x02;
    constexpr unsigned kGroup = 0x08;
    constexpr unsigned kWrite = 0x02;
    std::array<unsigned char, kVersionSize + 64 * kEntrySize> list{};
    // Not through FileSystem: it only asks, and where that can't be asked there is no list.
    const ssize_t size = ::fgetxattr(directory, attribute, list.data(), list.size());
    if (size < 0 && errno == ERANGE) {
        return std::nullopt;
    }
    const auto number = [&](std::size_t at, std::size_t octets) {
        std::uint32_t value = 0;
        for (std::size_t i = octets; i-- > 0;) {
            value = value << 8U | list.at(at + i);
        }
        return value;
    };
    std::vector<NamedEntry> writers;
    for (std::size_t at = kVersionSize; static_cast<ssize_t>(at + kEntrySize) <= size;
         at += kEntrySize) {
        const std::uint32_t tag = number(at, 2);
        if ((tag == kUser || tag == kGroup) && (number(at + 2, 2) & kWrite) != 0) {
            writers.push_back({tag == kGroup, number(at + 4, 4)});
        }
    }
    return writers;
}

/// By its access control list, which a directory gets from the one that it is made in.
bool is_listed_for_others(
    int directory, const struct stat& box, int root, const struct stat& root_status
) {
    const auto writers = named_writers(directory, "system.posix_acl_access");
    if (!writers || writers->empty()) {
        return !writers;
    }
    // Whom the administrator lets write to each box that is made here.
    const auto meant = named_writers(root, "system.posix_acl_default");
    return !std::ranges::all_of(*writers, [&](const NamedEntry& entry) {
        const bool is_own = entry.is_group
                                ? entry.id == root_status.st_gid
                                : entry.id == box.st_uid || entry.id == root_status.st_uid;
        return is_own || (meant && std::ranges::find(*meant, entry) != meant->end());
    });
}

/// May somebody write to it who is neither its owner nor in the spool's group?
bool is_open_to_others(
    int directory, const struct stat& box, int root, const struct stat& root_status
) {
    if ((box.st_mode & S_IWOTH) != 0) {
        return true;
    }
    // Without the group's right to write a list gives it to nobody. And where nobody else may write
    // to the root, nobody else can have put it there.
    if ((box.st_mode & S_IWGRP) == 0 || (root_status.st_mode & (S_IWGRP | S_IWOTH)) == 0) {
        return false;
    }
    // What is made in a set-gid directory gets its group. Root's is excepted: so are boxes from the
    // time before their spool was given to its user.
    const bool is_moved_here =
        (root_status.st_mode & S_ISGID) != 0 && box.st_gid != root_status.st_gid && box.st_gid != 0;
    return is_moved_here || is_listed_for_others(directory, box, root, root_status);
}

/// The box `name` if `uid` owns it; an error by which is_squatted() is true when it is something
/// else or another's.
Result<Box> open_if_owned(const SpoolRoot& root, const std::string& name, uid_t uid) {
    auto box = root.open_box(name);
    if (box && box->owner() != uid) {
        return Error::from_errno(EEXIST, "box " + box->path() + " belongs to another user");
    }
    return box;
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
    return error.is(EEXIST) || error.is(ENOTDIR) || error.is(ELOOP) || error.is(EACCES) ||
           error.is(EPERM);
}

/// Our box under another name ("UID-RANDOM"), which some earlier call made; nullopt: none.
Result<std::optional<Box>> find_other_box(FileSystem& files, const SpoolRoot& root, uid_t uid) {
    const std::string prefix = std::to_string(uid) + "-";
    std::optional<Box> found;
    auto listed = files.list(root.directory(), [&](std::string_view name, unsigned char) {
        if (!name.starts_with(prefix) || !is_box_name(name)) {
            return true;
        }
        const auto status = files.stat(root.directory(), std::string(name));
        if (status && S_ISDIR(status->st_mode) && status->st_uid == uid) {
            if (auto box = open_if_owned(root, std::string(name), uid)) {
                found = std::move(*box);
            }
        }
        return !found;
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

/// A box that is as good as unused could be taken for one, and removed, while a message for it is
/// being read, which may take hours: making and removing an entry sets its time.
void show_use(FileSystem& files, const Box& box, const Clock& clock, Random& random) {
    const auto status = files.fstat(box.directory());
    if (!status || clock.now() - WallTime(std::chrono::seconds(status->st_mtime)) < kUsed) {
        return;
    }
    const std::string name = kHiddenPrefix + std::string("used-") + to_base32(random.bits(), 8);
    const auto made = files.open(box.directory(), name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (made) {
        (void)files.unlink(box.directory(), name).has_value();  // else it goes as a leftover
    }
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

Result<SpoolRoot> SpoolRoot::open(FileSystem& files, std::string path) {
    auto directory = files.open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    if (!directory) {
        return directory.error();
    }
    const auto status = files.fstat(directory->get());
    if (!status) {
        return status.error();
    }
    return SpoolRoot(files, std::move(*directory), std::move(path), *status);
}

Result<Box> SpoolRoot::open_box(const std::string& name) const {
    auto directory = files_->open(directory_.get(), name, kOpenDirectory);
    if (!directory) {
        return directory.error();
    }
    const auto status = files_->fstat(directory->get());
    if (!status) {
        return status.error();
    }
    const std::string path = path_ + "/" + name;
    if (is_open_to_others(directory->get(), *status, directory_.get(), status_)) {
        return Error::from_errno(EPERM, path + " is no box: others than its owner may write to it");
    }
    return Box(std::move(*directory), path, *status, is_group_usable(*status, status_));
}

Result<Box> open_own_box(
    FileSystem& files, const std::string& path, uid_t uid, const Clock& clock, Random& random
) {
    const auto root = SpoolRoot::open(files, path);
    if (!root) {
        return root.error();
    }
    const auto space = files.space(root->directory());
    if (!space) {
        return space.error();
    }
    if (space->is_network) {
        return Error::from_errno(EREMOTE, "spool " + path + " is on a network file system");
    }
    std::string name = std::to_string(uid);
    auto box = open_if_owned(*root, name, uid);
    for (int attempt = 0; !box && attempt < 3; ++attempt) {
        if (is_squatted(box.error())) {
            auto other = find_other_box(files, *root, uid);
            if (!other) {
                return other.error();
            }
            if (*other) {
                box = std::move(**other);
                break;
            }
            name = std::to_string(uid) + "-" + to_base32(random.bits(), 8);
        } else if (!box.error().is(ENOENT)) {
            return box.error();
        }
        auto made = make_box(files, root->directory(), name);
        if (!made && !made.error().is(EEXIST)) {
            return made.error();
        }
        box = open_if_owned(*root, name, uid);
    }
    if (!box) {
        return box.error();
    }
    show_use(files, *box, clock, random);
    if (auto done = make_durable(files, root->directory(), *box, clock); !done) {
        return done.error();
    }
    return box;
}

Result<Box> open_box(FileSystem& files, const std::string& root_path, const std::string& name) {
    const auto root = SpoolRoot::open(files, root_path);
    if (!root) {
        return root.error();
    }
    return root->open_box(name);
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
    return Box(std::move(directory), std::move(path), *status, is_shared);
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

Result<std::vector<Box>> list_boxes(FileSystem& files, const std::string& root_path, uid_t owner) {
    std::vector<Box> boxes;
    const auto visited =
        visit_boxes(files, root_path, owner, [&](Box box) { boxes.push_back(std::move(box)); });
    if (!visited) {
        return visited.error();
    }
    return boxes;
}

Result<void> visit_boxes(
    FileSystem& files,
    const std::string& root_path,
    uid_t owner,
    const std::function<void(Box box)>& visit,
    const std::function<void(const ClosedBox& closed)>& closed
) {
    const auto root = SpoolRoot::open(files, root_path);
    if (!root) {
        if (root.error().is(ENOENT) || root.error().is(EACCES)) {
            return {};
        }
        return root.error();
    }
    const auto is_asked_for = [&](uid_t uid) { return owner == kAnyOwner || uid == owner; };
    std::optional<Error> lack;
    auto listed = files.list(root->directory(), [&](std::string_view entry, unsigned char) {
        // Names that no box has are left alone: the root may hold what its administrator put there.
        const std::string name(entry);
        if (!is_box_name(name)) {
            return true;
        }
        auto box = root->open_box(name);
        if (box) {
            if (is_asked_for(box->owner())) {
                visit(std::move(*box));
            }
            return true;
        }
        if (box.error().is(EMFILE) || box.error().is(ENFILE)) {
            lack = box.error();
            return false;
        }
        const auto status = files.stat(root->directory(), name);
        if (status && S_ISDIR(status->st_mode) && is_asked_for(status->st_uid)) {
            closed({root_path + "/" + name, status->st_uid, box.error().is(EPERM)});
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
