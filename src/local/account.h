// Account: a user of this host as the system's user data base knows them, and becoming one for
// good. With deliver/privilege.h the only place where mxpost changes its user.
#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "base/result.h"

namespace mxpost::local {

struct Account {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
    std::string home;  // absolute, no final slash; "/" when there is none
    std::string shell;
};

/// nullopt: there is no such user. An error: it can't be told now. May wait for the network
/// (LDAP). A name that can't stand in a path ("a/b", ".x") is no user.
Result<std::optional<Account>> find_account(const std::string& name);

/// Becomes `account` for good, from root: groups, gid, uid. With `mail_group` that gid stays within
/// reach (as saved gid) of MailGroup until give_up_mail_group(). An error means that the process is
/// in between and must end.
Result<void> become(const Account& account, std::optional<gid_t> mail_group);

/// Shuts the way back to the mail group.
Result<void> give_up_mail_group(gid_t own);

/// While it lives new files and lock files in /var/mail may be made: the effective gid is the mail
/// group's. Does nothing where the process hasn't got it.
class MailGroup {
public:
    explicit MailGroup(std::optional<gid_t> mail_group);
    MailGroup(const MailGroup&) = delete;
    MailGroup& operator=(const MailGroup&) = delete;
    ~MailGroup();

private:
    gid_t own_;
};

}  // namespace mxpost::local
