// Where settings come from: the table's defaults, then the file, then the environment.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "config/settings.h"

namespace mxpost::config {

inline constexpr const char* kFile = "/etc/mxpost.conf";

/// A value that something other than the table's default has set.
struct Setting {
    std::string key;
    std::string value;   // as written
    std::string origin;  // "/etc/mxpost.conf:3" or "environment MXPOST_LOG"
};

struct Loaded {
    Settings values;
    std::vector<Setting> set;  // as they were applied: the environment's, which count, are last
    std::vector<std::string> ignored;  // MXPOST_… variables that name no key
};

/// Reads `path` (a missing file is an empty one) and applies the MXPOST_… entries of `environment`
/// ("NAME=value") on top. Errors, of which a key that is in the file twice is one, are one line
/// with file and line, such as
/// `/etc/mxpost.conf:3: unknown key "form-domain" (did you mean "from-domain"?)`.
/// Where nothing is set this costs an open(2) and no more.
Result<Loaded> load(
    FileSystem& files, const std::string& path, std::span<const std::string> environment
);

/// The MXPOST_… entries of a process's environment as load() wants them.
std::vector<std::string> own_environment(const char* const* environment);

/// Those of process 1, for uid 0, which doesn't take its own callers' word (design 8): what
/// `docker run -e` and the like have set. Empty where it can't be read.
std::vector<std::string> init_environment(FileSystem& files);

/// One row of `mxpost config`.
struct Effective {
    std::string_view key;
    std::string value;
    std::string origin;  // "default" or as in Setting
    std::string_view text;
};

/// Every key with its effective value, in the table's order.
std::vector<Effective> describe(const Loaded& loaded);

}  // namespace mxpost::config
