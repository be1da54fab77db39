// A file that only its maker and the engine may read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/file_system.h"
#include "config/settings.h"

namespace mxpost::apps {

/// The group of the system engine, where the caller is root and may give files to it; else nothing.
std::optional<gid_t> engine_group(const config::Settings& settings);

/// Gives what was just made to the group, if there is one, with these rights.
Result<void> share(FileSystem& files, int fd, std::optional<gid_t> group, mode_t mode);

/// Makes the file, synced; never one that is there already (EEXIST). Of one that can't be completed
/// nothing is left.
Result<void> write_secret_file(
    FileSystem& files, const std::string& path, std::string_view text, std::optional<gid_t> group
);

}  // namespace mxpost::apps
