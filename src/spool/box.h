// Box: one uid's directory in a spool, where its messages lie.
//
// The spool root is sticky, set-gid and writable for all, so each uid makes its own box without any
// privilege; the kernel gives it the root's group. Who owns a box is what fstat says, never its
// name.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/file_system.h"
#include "base/random.h"
#include "base/result.h"

namespace mxpost::spool {

/// Where corrupt message files are put, inside each box.
inline constexpr const char* kCorruptName = "corrupt";
/// The entry of a box that the system engine locks to take the box over (design: Takeover).
inline constexpr const char* kSystemLockName = ".system";
/// What submission notes there of the queue's size; see usage.h.
inline constexpr const char* kUsageName = ".usage";
/// Files being written where there is no O_TMPFILE.
inline constexpr const char* kHiddenPrefix = ".new-";

/// No user's number.
inline constexpr uid_t kAnyOwner = static_cast<uid_t>(-1);

class Box {
public:
    /// None: no directory, nobody's.
    Box() = default;
    /// `status`: the directory's.
    Box(Fd directory, std::string path, const struct stat& status, bool is_shared)
        : directory_(std::move(directory)),
          path_(std::move(path)),
          device_(status.st_dev),
          inode_(status.st_ino),
          owner_(status.st_uid),
          is_shared_(is_shared) {}

    int directory() const { return directory_.get(); }
    /// Gives the descriptor away (to an engine that is started with it).
    Fd take_directory() { return std::move(directory_); }
    const std::string& path() const { return path_; }
    /// Is it this directory? Its path may lead elsewhere by now.
    bool is(const struct stat& status) const {
        return status.st_dev == device_ && status.st_ino == inode_;
    }
    uid_t owner() const { return owner_; }
    /// False when the spool's group may not read, write and search it, or its files get another
    /// group (no set-gid): then only an engine of the owner's serves it.
    bool is_shared() const { return is_shared_; }

private:
    Fd directory_;
    std::string path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
    uid_t owner_ = kAnyOwner;
    bool is_shared_ = false;
};

/// A spool's root, open: its entries are looked at one by one.
class SpoolRoot {
public:
    /// `files` must outlive it.
    static Result<SpoolRoot> open(FileSystem& files, std::string path);

    int directory() const { return directory_.get(); }
    const std::string& path() const { return path_; }
    const struct stat& status() const { return status_; }
    /// The entry `name` as a box. Errors: what open says, and EPERM for a directory that others
    /// than its owner and the spool's group may write to. That is never a box, for it need not be
    /// its owner's doing that it lies here: whoever may write to a directory can move it. The
    /// directories that mxpost makes in users' boxes are such.
    Result<Box> open_box(const std::string& name) const;

private:
    SpoolRoot(FileSystem& files, Fd directory, std::string path, const struct stat& status)
        : files_(&files),
          directory_(std::move(directory)),
          path_(std::move(path)),
          status_(status) {}

    FileSystem* files_;
    Fd directory_;
    std::string path_;
    struct stat status_;
};

/// "UID" or "UID-RANDOM", RANDOM of digits and lower-case letters. Anybody can make entries of any
/// name in a spool's root; others are no boxes, so no box's name can spoil a terminal or a listing.
bool is_box_name(std::string_view name);

/// The caller's own box below the spool root `path`, made if need be (and then durable: the root is
/// synced). Errors: what open and mkdir say (ENOENT, EACCES, EROFS: try the next spool), and
/// EREMOTE where the root is on a network file system.
Result<Box> open_own_box(
    FileSystem& files, const std::string& path, uid_t uid, const Clock& clock, Random& random
);

/// SpoolRoot::open_box() for one entry of the root at `root_path`.
Result<Box> open_box(FileSystem& files, const std::string& root_path, const std::string& name);

/// A box from a descriptor that was handed over. The path is for messages only.
Result<Box> adopt_box(FileSystem& files, Fd directory, std::string path);

/// True when a system engine holds the box's ".system" entry: it serves the box, or is about to.
bool is_wanted_by_system(FileSystem& files, int box_directory);

/// A directory that has a box's name and can't be opened as one.
struct ClosedBox {
    std::string path;
    uid_t owner = kAnyOwner;
    bool is_open_to_others = false;  // that is why: see SpoolRoot::open_box()
};

/// Every box below the root that this process can open, all at once: see visit_boxes(). `owner`:
/// only that uid's, unless it is `kAnyOwner`. A root that isn't there has none.
Result<std::vector<Box>> list_boxes(FileSystem& files, const std::string& root_path, uid_t owner);

/// The same one by one, whose number may be larger than that of descriptors. `closed` gets those
/// that `owner` asks for and that can't be opened. Ends with an error where this process or the
/// system has no descriptor left.
Result<void> visit_boxes(
    FileSystem& files,
    const std::string& root_path,
    uid_t owner,
    const std::function<void(Box box)>& visit,
    const std::function<void(const ClosedBox& closed)>& closed = [](const ClosedBox&) {}
);

/// The candidates for `uid`'s spool in their order: the configured one (may be empty), the
/// system's, and for uids from 1000 on the one below `home` (from the passwd file, never $HOME; may
/// be empty).
std::vector<std::string> spool_candidates(
    const std::string& configured, const std::string& system, uid_t uid, const std::string& home
);

/// Makes the last two or three components of a spool below a home directory, mode 0700, each of
/// which must belong to `uid` or root afterwards. Does nothing for a path not below `home`.
Result<void> make_home_spool(
    FileSystem& files, const std::string& path, const std::string& home, uid_t uid
);

}  // namespace mxpost::spool
