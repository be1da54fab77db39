#include "local/account.h"

#include <cerrno>
#include <cstdlib>
#include <vector>

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace mxpost::local {

namespace {

constexpr auto kUnchanged = static_cast<gid_t>(-1);

}  // namespace

Result<std::optional<Account>> find_account(const std::string& name) {
    if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos) {
        return std::optional<Account>();
    }
    std::vector<char> buffer(64 * 1024);
    passwd entry{};
    passwd* found = nullptr;
    const int error = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr) {
        // POSIX lets implementations say "there is none" in several ways.
        if (error == 0 || error == ENOENT || error == ESRCH) {
            return std::optional<Account>();
        }
        return Error::from_errno(error, "looking up user " + name);
    }
    Account account;
    account.name = entry.pw_name;
    account.uid = entry.pw_uid;
    account.gid = entry.pw_gid;
    account.home = entry.pw_dir == nullptr ? "" : entry.pw_dir;
    account.shell = entry.pw_shell == nullptr ? "" : entry.pw_shell;
    while (account.home.size() > 1 && account.home.ends_with('/')) {
        account.home.pop_back();
    }
    if (!account.home.starts_with('/')) {
        account.home = "/";
    }
    return std::optional<Account>(std::move(account));
}

Result<void> become(const Account& account, std::optional<gid_t> mail_group) {
    if (account.uid == 0 || account.gid == 0) {
        return Error::from_errno(EPERM, "becoming root is not what the helper does");
    }
    const gid_t saved = mail_group.value_or(account.gid);
    if (::initgroups(account.name.c_str(), account.gid) != 0 ||
        ::setresgid(account.gid, account.gid, saved) != 0 ||
        ::setresuid(account.uid, account.uid, account.uid) != 0) {
        return Error::from_errno(errno, "can't become user " + account.name);
    }
    // Nobody may look into this process, not even the user.
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    uid_t real = 0;
    uid_t effective = 0;
    uid_t saved_uid = 0;
    const bool is_known = ::getresuid(&real, &effective, &saved_uid) == 0;
    // Belt and braces: the way back must be shut.
    if (!is_known || real != account.uid || effective != account.uid || saved_uid != account.uid ||
        ::getegid() != account.gid || ::setuid(0) == 0) {
        return Error::from_errno(EPERM, "becoming user " + account.name + " did not last");
    }
    return {};
}

Result<void> give_up_mail_group(gid_t own) {
    gid_t real = 0;
    gid_t effective = 0;
    gid_t saved = 0;
    if (::setresgid(own, own, own) != 0 || ::getresgid(&real, &effective, &saved) != 0 ||
        real != own || effective != own || saved != own) {
        return Error::from_errno(EPERM, "can't give up the mail group");
    }
    return {};
}

MailGroup::MailGroup(std::optional<gid_t> mail_group) : own_(::getgid()) {
    if (mail_group) {
        (void)!::setresgid(
            kUnchanged, *mail_group, kUnchanged
        );  // where it fails the mailbox says EACCES
    }
}

MailGroup::~MailGroup() {
    if (::setresgid(kUnchanged, own_, kUnchanged) != 0) {
        std::abort();  // what follows was meant to run without it
    }
}

}  // namespace mxpost::local
