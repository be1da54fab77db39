// Who submits, and what this host is called: out of local files, so that no submission waits for
// a directory service or the DNS.
#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

#include "config/settings.h"
#include "mail/address.h"

namespace mxpost::submit {

struct Identity {
    uid_t uid = 0;
    std::string login;      // "uid4242" for a uid without an entry, as containers have them
    std::string full_name;  // from GECOS, may be empty
    std::string home;       // from the entry, may be empty
};

/// The files of this host, as arguments so that tests can bring theirs.
struct HostFiles {
    std::string passwd = "/etc/passwd";
    std::string mailname = "/etc/mailname";
    std::string hosts = "/etc/hosts";
    std::string getent = "/usr/bin/getent";
};

/// The entry of `uid` in the passwd file; only where it has none, getent(1) is asked, which may
/// speak to a directory service.
Identity find_identity(uid_t uid, const HostFiles& files);

/// The login as an unqualified address, quoted where it needs that.
mail::Address login_address(const std::string& login);

struct HostNames {
    std::string domain;  // for unqualified addresses; empty: unknown, the engine completes them
    std::string host;    // the host's full name, or its short one, or empty
};

/// `system_name` is gethostname(2)'s. Domain: the setting, the first line of /etc/mailname, the
/// host's full name. Full name: the setting, a system name with a dot, or the canonical name that
/// /etc/hosts gives the system name. Names such as localhost.localdomain are none.
HostNames find_host_names(
    const config::Settings& settings, const HostFiles& files, std::string_view system_name
);

/// gethostname(2), empty when it is no domain name.
std::string system_host_name();

}  // namespace mxpost::submit
