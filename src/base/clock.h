// Time as a constructor argument, so that tests can set it.
#pragma once

#include <chrono>

namespace mxpost {

using WallTime = std::chrono::sys_time<std::chrono::microseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

class Clock {
public:
    virtual ~Clock() = default;
    /// Calendar time; may jump.
    virtual WallTime now() const = 0;
    /// Never goes back; for intervals.
    virtual SteadyTime steady_now() const = 0;
};

class SystemClock final : public Clock {
public:
    WallTime now() const override;
    SteadyTime steady_now() const override;
};

inline std::chrono::sys_seconds to_seconds(WallTime time) {
    return std::chrono::floor<std::chrono::seconds>(time);
}

}  // namespace mxpost
