// While it lives a process (this one, or root's `pid`) can open no descriptor more.
#pragma once

#include <cerrno>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/result.h"

namespace mxpost::local {

/// To be called before, by who writes to `log` then: UBSan has to open a pipe to look at an object
/// of a class that it hasn't met.
inline void meet_classes(Log& log) {
    const Error error = Error::from_errno(EMFILE, "an error to come");
    log.info(error.is(EMFILE) ? error.message() : "");
}

class NoDescriptors {
public:
    NoDescriptors() {
        const Fd free(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        limit_to(static_cast<rlim_t>(free.get()));
    }
    /// Its standard ones must be open.
    explicit NoDescriptors(pid_t pid) : pid_(pid) { limit_to(3); }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;
    ~NoDescriptors() { ::prlimit(pid_, RLIMIT_NOFILE, &before_, nullptr); }

private:
    void limit_to(rlim_t number) {
        ::prlimit(pid_, RLIMIT_NOFILE, nullptr, &before_);
        rlimit none = before_;
        none.rlim_cur = number;
        ::prlimit(pid_, RLIMIT_NOFILE, &none, nullptr);
    }

    pid_t pid_ = 0;
    rlimit before_{};
};

}  // namespace mxpost::local
