// What can be seen on this host without asking anybody: the spool, who serves it, whose sendmail it
// is, and whose certificates are trusted.
#pragma once

#include <string>

#include "doctor/context.h"
#include "doctor/report.h"

namespace mxpost::doctor {

Findings check_local(Context& context);

// Parts of it, for tests.

/// `root` as the settings name it.
Findings check_spool(Context& context, const std::string& root);
/// `path`: where other programs look for a sendmail.
Findings check_sendmail(const std::string& path);
/// php.ini files below `directories`.
Findings check_php(const std::vector<std::string>& directories);

/// The words for a file system that keeps no promise across a restart; empty for others. `type`:
/// f_type of statfs(2).
std::string why_not_durable(long type);

}  // namespace mxpost::doctor
