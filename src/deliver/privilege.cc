#include "deliver/privilege.h"

#include <array>
#include <cerrno>
#include <cstdint>

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mxpost::deliver {

namespace {

/// The two that changing to another user takes, of those that this process may ever have.
bool may_change_user() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    if (::syscall(SYS_capget, &header, sets.data()) != 0) {
        return true;
    }
    constexpr std::uint32_t kNeeded = 1U << CAP_SETUID | 1U << CAP_SETGID;
    return (sets[0].permitted & kNeeded) != 0;
}

/// Without a way back: no_new_privs keeps root's programs from getting them again.
Result<void> give_up_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::syscall(SYS_capset, &header, none.data()) != 0) {
        return Error::from_errno(errno, "can't give up root's capabilities");
    }
    return {};
}

}  // namespace

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
    if (!may_change_user()) {
        return give_up_capabilities();
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
