// The files of new keys.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/file_system.h"
#include "base/result.h"
#include "dkim/private_key.h"

namespace mxpost::apps {

inline constexpr const char* kKeyDirectory = "/etc/mxpost/dkim";

struct NewKey {
    std::string selector;
    std::string path;
    dkim::PrivateKey key;
};

/// Writes the keys, all or none; no file that is there is touched. `group`: who may read them
/// besides the caller. The directory is made where it is missing (EEXIST: a key is there already).
Result<void> write_keys(
    FileSystem& files,
    const std::string& directory,
    const std::vector<NewKey>& keys,
    std::optional<gid_t> group
);

}  // namespace mxpost::apps
