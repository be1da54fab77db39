// The relay that mail goes through: can it be found, does it answer, does it take the password?
#pragma once

#include <vector>

#include <boost/asio/awaitable.hpp>

#include "doctor/context.h"
#include "doctor/probe.h"
#include "doctor/report.h"

namespace mxpost::doctor {

struct RelayProbe {
    RelayProbe() = default;

    Findings findings;  // why it can't be found
    std::vector<Probe> probes;
};

/// Looks it up and opens a session to it, with user and password where it has them.
boost::asio::awaitable<RelayProbe> probe_relay(Context& context, Relay relay);

/// What the probe means. Pure.
Findings judge_relay(const RelayProbe& probed, const Relay& relay, const diagnose::RuleBook& rules);

}  // namespace mxpost::doctor
