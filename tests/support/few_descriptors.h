// While it lives this process can open twenty descriptors more.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>

#include "base/fd.h"

namespace mxpost::test {

class FewDescriptors {
public:
    FewDescriptors() {
        const Fd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit few = before_;
        few.rlim_cur = static_cast<rlim_t>(next.get()) + 20;
        ::setrlimit(RLIMIT_NOFILE, &few);
    }
    FewDescriptors(const FewDescriptors&) = delete;
    FewDescriptors& operator=(const FewDescriptors&) = delete;
    ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

}  // namespace mxpost::test
