// Randomness as a constructor argument: ids, jitter, shuffles of equal MX hosts.
#pragma once

#include <cstdint>

namespace mxpost {

class Random {
public:
    virtual ~Random() = default;
    /// 64 random bits, fit for ids that others must not guess.
    virtual std::uint64_t bits() = 0;
    /// Uniform in [0, bound); 0 when bound is 0.
    std::uint64_t below(std::uint64_t bound);
};

/// getrandom(2). Throws std::system_error where the kernel has none to give (it never happens
/// after boot).
class SystemRandom final : public Random {
public:
    std::uint64_t bits() override;
};

}  // namespace mxpost
