// A clock that stands still until a test moves it.
#pragma once

#include "base/clock.h"

namespace mxpost::test {

class ManualClock final : public Clock {
public:
    /// 2024-01-01 12:00:00 UTC unless told otherwise.
    explicit ManualClock(WallTime now = WallTime(std::chrono::seconds(1704110400))) : now_(now) {}

    WallTime now() const override { return now_; }
    SteadyTime steady_now() const override { return steady_; }

    /// Both clocks go on.
    void advance(std::chrono::microseconds time) {
        now_ += time;
        steady_ += time;
    }
    /// The calendar jumps, the steady clock doesn't.
    void jump_to(WallTime now) { now_ = now; }

private:
    WallTime now_;
    SteadyTime steady_{};
};

}  // namespace mxpost::test
