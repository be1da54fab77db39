// Tidying a spool root, as its owner may: names that somebody holds although they are another
// uid's, and boxes that nobody has used for long.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/random.h"
#include "base/result.h"

namespace mxpost::spool {

/// Looks at each entry of the root that is named like a box. A directory that belongs to another
/// uid than its name says gets a name of its owner's ("OWNER-RANDOM": it may hold mail); anything
/// that is no directory is unlinked; a box without mail that is older than `kUnusedFor` is removed
/// unless somebody serves it. `tell` gets a line for each thing done. For the root's owner: the
/// sticky bit keeps everyone else from it.
inline constexpr std::chrono::hours kUnusedFor{24 * 30};
Result<void> tidy_root(
    FileSystem& files,
    const std::string& root_path,
    WallTime now,
    Random& random,
    const std::function<void(std::string_view line)>& tell
);

}  // namespace mxpost::spool
