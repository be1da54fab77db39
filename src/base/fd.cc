#include "base/fd.h"

#include <unistd.h>

namespace mxpost {

Fd& Fd::operator=(Fd&& other) noexcept {
    if (this != &other) {
        reset();
        number_ = std::exchange(other.number_, -1);
    }
    return *this;
}

void Fd::reset() {
    if (number_ >= 0) {
        ::close(number_);  // not retried on EINTR: Linux has closed it by then
        number_ = -1;
    }
}

}  // namespace mxpost
