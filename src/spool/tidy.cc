#include "spool/tidy.h"

#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base32.h"
#include "base/state_directory.h"
#include "base/text.h"

namespace mxpost::spool {
namespace {

/// "UID" or "UID-RANDOM".
std::optional<uid_t> named_uid(std::string_view name) {
    const auto number = parse_unsigned(name.substr(0, name.find('-')));
    return number && *number < kAnyOwner ? std::optional(static_cast<uid_t>(*number))
                                         : std::nullopt;
}

}  // namespace

Result<RootLook> RootLook::begin(
    FileSystem& files, SpoolRoot root, bool tidies, WallTime now, Random& random
) {
    auto entries = files.open_listing(root.directory());
    if (!entries) {
        return entries.error();
    }
    return RootLook(files, std::move(root), std::move(*entries), tidies, now, random);
}

Result<bool> RootLook::read(
    std::size_t most, const std::function<void(const std::string& name)>& visit
) {
    return entries_->read(most, [&](std::string_view entry, unsigned char) {
        std::string name(entry);
        if (tidies_) {
            name = tidied(name);
        }
        if (is_box_name(name)) {
            visit(name);
        }
    });
}

/// The name that the entry has now; empty when it is gone.
std::string RootLook::tidied(const std::string& name) {
    const auto uid = named_uid(name);
    if (!uid) {
        return name;
    }
    const auto status = files_->stat(root_.directory(), name);
    if (!status) {
        return name;
    }
    if (!S_ISDIR(status->st_mode)) {
        if (!files_->unlink(root_.directory(), name)) {
            return name;
        }
        note(status->st_uid, "removed " + name + ", which is no box");
        return {};
    }
    if (status->st_uid != *uid) {
        const std::string owner = std::to_string(status->st_uid);
        std::string other = owner + "-" + to_base32(random_->bits(), 8);
        if (!files_->rename(root_.directory(), name, other)) {
            return name;
        }
        note(
            status->st_uid, "renamed " + name + ", which uid " + owner + " had taken, to " + other
        );
        return other;
    }
    // Our own that others may write to, which somebody has moved here: only we can remove it.
    const bool is_strange = status->st_uid == ::geteuid() && (status->st_mode & S_IWOTH) != 0;
    if (is_strange && files_->rmdir(root_.directory(), name)) {
        note(status->st_uid, "removed " + name + ", which others could write to");
        return {};
    }
    const WallTime changed{std::chrono::seconds(status->st_mtime)};
    if (now_ - changed > kUnusedFor && remove_empty(name)) {
        note(status->st_uid, "removed the unused box " + name);
        return {};
    }
    return name;
}

/// Whoever opens it to put mail there changes its time first (open_own_box()).
bool RootLook::remove_empty(const std::string& name) {
    const auto box = files_->open(root_.directory(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!box) {
        return false;
    }
    const auto locked = files_->try_lock(box->get());
    if (!locked || !*locked) {
        return false;
    }
    bool has_others = false;
    bool has_state = false;
    std::vector<std::string> own;
    const auto listed = files_->list(box->get(), [&](std::string_view entry, unsigned char) {
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
        if (!files_->unlink(box->get(), entry)) {
            return false;
        }
    }
    return files_->rmdir(root_.directory(), name).has_value();
}

/// What its owner's engine had learned: it can learn it again.
bool RootLook::remove_state(int box) {
    constexpr std::size_t kMost = 100;  // more than engines have; who has more may keep it
    const auto state = files_->open(box, kBoxStateName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!state) {
        return false;
    }
    std::vector<std::string> names;
    const auto listed = files_->list(state->get(), [&](std::string_view name, unsigned char) {
        names.emplace_back(name);
        return names.size() <= kMost;
    });
    if (!listed || names.size() > kMost) {
        return false;
    }
    for (const std::string& name : names) {
        if (!files_->unlink(state->get(), name)) {
            return false;
        }
    }
    return files_->rmdir(box, kBoxStateName).has_value();
}

void RootLook::note(uid_t uid, std::string deed) {
    constexpr std::size_t kMostUids = 100;
    const auto known = deeds_.find(uid);
    if (known != deeds_.end()) {
        ++known->second.count;
    } else if (deeds_.size() < kMostUids) {
        deeds_.emplace(uid, Deeds{std::move(deed), 1});
    } else {
        ++others_;
    }
}

std::vector<std::string> RootLook::deeds() const {
    std::vector<std::string> lines;
    for (const auto& [uid, deeds] : deeds_) {
        std::string line = root_.path() + ": " + deeds.first;
        if (deeds.count > 1) {
            line += "; so went " + std::to_string(deeds.count - 1) + " other entries of uid " +
                    std::to_string(uid);
        }
        lines.push_back(std::move(line));
    }
    if (others_ > 0) {
        lines.push_back(
            root_.path() + ": " + std::to_string(others_) +
            " entries of other uids were removed or renamed"
        );
    }
    return lines;
}

}  // namespace mxpost::spool
