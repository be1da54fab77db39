#include "base/random.h"

#include <cerrno>
#include <system_error>

#include <sys/random.h>

namespace mxpost {

std::uint64_t Random::below(std::uint64_t bound) {
    if (bound == 0) {
        return 0;
    }
    // Drop the incomplete last range, or small results would come up more often.
    const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    std::uint64_t value = bits();
    while (value >= limit) {
        value = bits();
    }
    return value % bound;
}

std::uint64_t SystemRandom::bits() {
    std::uint64_t value = 0;
    ssize_t got = 0;
    do {
        got = ::getrandom(&value, sizeof value, 0);
    } while (got < 0 && errno == EINTR);
    if (got != sizeof value) {
        throw std::system_error(errno, std::system_category(), "getrandom");
    }
    return value;
}

}  // namespace mxpost
