// ~/.forward: where a user has their mail sent, read with that user's rights and no others.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "local/account.h"
#include "local/alias_targets.h"

namespace mxpost::local {

struct Forward {
    std::vector<AliasTarget> targets;  // :include: files followed; empty: the mailbox
    std::vector<std::string> notes;    // for the log: why it was ignored, or which lines were
};

inline constexpr std::uint64_t kMaxForwardFile = 64 * 1024;
inline constexpr std::uint64_t kMaxIncludeFile = 1024 * 1024;
inline constexpr std::size_t kMaxForwardTargets = 1000;
inline constexpr int kMaxIncludeDepth = 5;
inline constexpr std::size_t kMaxIncludes = 100;  // files, of one .forward
inline constexpr std::size_t kMaxForwardNotes = 20;

/// Called with the user's uid. A .forward that others could have written isn't obeyed: neither it
/// nor the home may be writable by group or others, both belong to the user or root, and it is a
/// regular file with one name, no symbolic link. Files that it includes may name addresses only,
/// because they may be others'. An error: it can't be told now, the mail has to wait.
Result<Forward> read_forward(FileSystem& files, const Account& account);

}  // namespace mxpost::local
