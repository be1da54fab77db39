// When a server says to come back.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace mxpost::diagnose {

/// The delay that a reply states in words ("try again in 5 minutes", "come back in 00:04:59");
/// nothing when it states none. Any number of seconds up to a year: the server is not trusted.
/// Bounded work: the first mail::kMaxOutcomeText octets are read.
std::optional<std::chrono::seconds> stated_delay(std::string_view reply);

}  // namespace mxpost::diagnose
