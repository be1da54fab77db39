// Who gets what cron's jobs print, and whether that arrives: nobody looks, so nobody misses it.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "doctor/context.h"
#include "doctor/report.h"

namespace mxpost::doctor {

/// A crontab's readers: what MAILTO says, as it stands at each job (crontab(5)), else the job's
/// user. `owner`: whose crontab it is; nothing: it is one of the system's, whose jobs name a user.
std::set<std::string> cron_readers(
    std::string_view crontab, const std::optional<std::string>& owner
);

struct CronPlaces {
    std::vector<std::string> crontabs = {"/etc/crontab"};  // of the system
    std::vector<std::string> folders = {"/etc/cron.d"};    // with more of these
    std::string users = "/var/spool/cron/crontabs";        // one a user; not to be read by others
    std::string mailname = "/etc/mailname";  // what names get where from-domain isn't set
};

/// Nothing where there is no cron.
Findings check_cron(Context& context, const CronPlaces& places = CronPlaces());

}  // namespace mxpost::doctor
