// Randomness that a test chooses.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <vector>

#include "base/random.h"

namespace mxpost::test {

/// Gives the numbers in turn, then from the start again; without numbers 0, 1, 2 …
class FixedRandom final : public Random {
public:
    FixedRandom() = default;
    FixedRandom(std::initializer_list<std::uint64_t> numbers) : numbers_(numbers) {}

    std::uint64_t bits() override {
        const std::size_t at = next_++;
        return numbers_.empty() ? at : numbers_[at % numbers_.size()];
    }

private:
    std::vector<std::uint64_t> numbers_;
    std::size_t next_ = 0;
};

}  // namespace mxpost::test
