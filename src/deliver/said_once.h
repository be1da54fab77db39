// SaidOnce: warnings of which anybody may cause as many as he likes: each is logged once, and of
// different ones there is an end for the day.
#pragma once

#include <set>
#include <string>

#include "base/clock.h"
#include "base/log.h"

namespace mxpost::deliver {

class SaidOnce {
public:
    /// The references must outlive it.
    SaidOnce(const Clock& clock, Log& log) : clock_(clock), log_(log), since_(clock.steady_now()) {}

    /// `what` is it that this line says?
    void warn(const std::string& what, const std::string& line);

private:
    const Clock& clock_;
    Log& log_;
    std::set<std::string> said_;
    SteadyTime since_;
};

}  // namespace mxpost::deliver
