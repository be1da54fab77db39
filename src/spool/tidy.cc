#include "spool/tidy.h"

#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/base32.h"
#include "base/state_directory.h"
#include "base/text.h"
#include "spool/box.h"

namespace mxpost::spool {
namespace {

/// "UID" or "UID-RANDOM".
std::optional<uid_t> named_uid(std::string_view name) {
    const auto number = parse_unsigned(name.substr(0, name.find('-')));
    return number && *number < kAnyOwner ? std::optional(static_cast<uid_t>(*number))
                                         : std::nullopt;
}

class Tidier {
public:
    Tidier(FileSystem& files, int root, WallTime now, Random& random)
        : files_(files), root_(root), now_(now), random_(random) {}

    /// What was done about the entry, or nothing.
    std::string look_at(const std::string& name) {
        const auto status = files_.stat(root_, name);
        const auto uid = named_uid(name);
        if (!status || !uid) {
            return {};
        }
        if (!S_ISDIR(status->st_mode)) {
            return files_.unlink(root_, name) ? "removed " + name + ", which is no box" : "";
        }
        if (status->st_uid != *uid) {
            const std::string owner = std::to_string(status->st_uid);
            const std::string other = owner + "-" + to_base32(random_.bits(), 8);
            return files_.rename(root_, name, other)
                       ? "renamed " + name + ", which uid " + owner + " had taken, to " + other
                       : "";
        }
        const WallTime changed{std::chrono::seconds(status->st_mtime)};
        if (now_ - changed > kUnusedFor && remove_empty(name)) {
            return "removed the unused box " + name;
        }
        return {};
    }

private:
    /// A submitter that has it open right now finds no box, makes a new one, and loses nothing.
    bool remove_empty(const std::string& name) {
        const auto box = files_.open(root_, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (!box) {
            return false;
        }
        const auto locked = files_.try_lock(box->get());
        if (!locked || !*locked) {
            return false;
        }
        bool has_others = false;
        bool has_state = false;
        std::vector<std::string> own;
        const auto listed = files_.list(box->get(), [&](std::string_view entry, unsigned char) {
            if (entry == kSystemLockName || entry == kUsageName) {
                own.emplace_back(entry);
            } else if (entry == kBoxStateName) {
                has_state = true;
            } else {
                has_others = true;
            }
            return !has_others;
        });
        if (!listed || has_others || (has_state && !remove_state(box->get()))) {
            return false;
        }
        for (const std::string& entry : own) {
            if (!files_.unlink(box->get(), entry)) {
                return false;
            }
        }
        return files_.rmdir(root_, name).has_value();
    }

    /// What its owner's engine had learned: it can learn it again.
    bool remove_state(int box) {
        const auto state = files_.open(box, kBoxStateName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (!state) {
            return false;
        }
        std::vector<std::string> names;
        const auto listed = files_.list(state->get(), [&](std::string_view name, unsigned char) {
            names.emplace_back(name);
            return true;
        });
        for (const std::string& name : names) {
            if (!files_.unlink(state->get(), name)) {
                return false;
            }
        }
        return listed && files_.rmdir(box, kBoxStateName).has_value();
    }

    FileSystem& files_;
    int root_;
    WallTime now_;
    Random& random_;
};

}  // namespace

Result<void> tidy_root(
    FileSystem& files,
    const std::string& root_path,
    WallTime now,
    Random& random,
    const std::function<void(std::string_view line)>& tell
) {
    const auto root = files.open(AT_FDCWD, root_path, O_RDONLY | O_DIRECTORY);
    if (!root) {
        return root.error();
    }
    std::vector<std::string> names;
    auto listed = files.list(root->get(), [&](std::string_view name, unsigned char) {
        names.emplace_back(name);
        return true;
    });
    Tidier tidier(files, root->get(), now, random);
    for (const std::string& name : names) {
        if (const std::string done = tidier.look_at(name); !done.empty()) {
            tell(root_path + ": " + done);
        }
    }
    return listed;
}

}  // namespace mxpost::spool
