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

class Box {
public:
    Box(Fd directory, std::string path, uid_t owner, bool is_shared)
        : directory_(std::move(directory)),
          path_(std::move(path)),
          owner_(owner),
          is_shared_(is_shared) {}

    int directory() const { return directory_.get(); }
    /// Gives the descriptor away (to an engine that is started with it).
    Fd take_directory() { return std::move(directory_); }
    const std::string& path() const { return path_; }
    uid_t owner() const { return owner_; }
    /// False when the spool's group may not read, write and search it, or its files get another
    /// group (no set-gid): then only an engine of the owner's serves it.
    bool is_shared() const { return is_shared_; }

private:
    Fd directory_;
    std::string path_;
    uid_t owner_;
    bool is_shared_;
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

/// Opens the entry `name` of the spool root `root_path` as a box; error when it isn't a directory.
Result<Box> open_box(FileSystem& files, const std::string& root_path, const std::string& name);

/// A box from a descriptor that was handed over. The path is for messages only.
Result<Box> adopt_box(FileSystem& files, Fd directory, std::string path);

/// True when a system engine holds the box's ".system" entry: it serves the box, or is about to.
bool is_wanted_by_system(FileSystem& files, int box_directory);

/// Every box below the root that this process can open. `owner`: only that uid's, unless it is
/// `kAnyOwner`. A root that isn't there has none.
inline constexpr uid_t kAnyOwner = static_cast<uid_t>(-1);
/// `closed` (may be null) gets the paths of those that `owner` asks for and that can't be opened.
Result<std::vector<Box>> list_boxes(
    FileSystem& files,
    const std::string& root_path,
    uid_t owner,
    std::vector<std::string>* closed = nullptr
);

/// The same for those whose names `wants` (names that no box has aren't asked about), one by one.
/// Ends with an error where this process or the system has no descriptor left.
Result<void> visit_boxes(
    FileSystem& files,
    const std::string& root_path,
    uid_t owner,
    const std::function<bool(const std::string& name)>& wants,
    const std::function<void(Box box)>& visit,
    std::vector<std::string>* closed
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
