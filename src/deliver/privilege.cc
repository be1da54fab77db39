#include "deliver/privilege.h"

#include <cerrno>

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace mxpost::deliver {

Result<void> drop_root(const std::string& user) {
    if (::geteuid() != 0 && ::getuid() != 0) {
        return {};
    }
    errno = 0;
    const passwd* const entry = ::getpwnam(user.c_str());
    if (entry == nullptr) {
        return Error::from_errno(
            errno == 0 ? ENOENT : errno,
            "there is no user \"" + user + "\" for root's engine to become"
        );
    }
    const uid_t uid = entry->pw_uid;
    const gid_t gid = entry->pw_gid;
    if (uid == 0) {
        return Error::from_errno(EPERM, "user \"" + user + "\" is root");
    }
    if (::setgroups(1, &gid) != 0 || ::setresgid(gid, gid, gid) != 0 ||
        ::setresuid(uid, uid, uid) != 0) {
        return Error::from_errno(errno, "can't become user \"" + user + "\"");
    }
    // Belt and braces: the way back must be shut.
    if (::setuid(0) == 0 || ::geteuid() != uid || ::getegid() != gid) {
        return Error::from_errno(EPERM, "becoming user \"" + user + "\" did not last");
    }
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return {};
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

}  // namespace mxpost::deliver
