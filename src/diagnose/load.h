// The two data files as an administrator's system has them.
#pragma once

#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "diagnose/providers.h"
#include "diagnose/reply_rules.h"

namespace mxpost::diagnose {

/// The file `path` on top of what the program brings; an empty path or a missing file: just that.
/// An error is one line, with the file and where it can be the line's number.
Result<RuleBook> load_rules(FileSystem& files, const std::string& path);
Result<Providers> load_providers(FileSystem& files, const std::string& path);

}  // namespace mxpost::diagnose
