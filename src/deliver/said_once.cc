#include "deliver/said_once.h"

#include <chrono>
#include <cstddef>

namespace mxpost::deliver {

namespace {

constexpr std::size_t kMostLines = 1000;
constexpr std::chrono::hours kAgainAfter{24};

}  // namespace

void SaidOnce::warn(const std::string& what, const std::string& line) {
    if (said_.size() >= kMostLines) {
        if (clock_.steady_now() - since_ < kAgainAfter) {
            return;
        }
        said_.clear();
    }
    if (said_.empty()) {
        since_ = clock_.steady_now();
    }
    if (!said_.insert(what).second) {
        return;
    }
    log_.warning(line);
    if (said_.size() == kMostLines) {
        log_.warning("nothing more of this kind is said for a day");
    }
}

}  // namespace mxpost::deliver
