// What is said where no mail server can be reached: by the doctor, in the engine's log, by mailq,
// and in reports to senders.
#pragma once

#include <string>

namespace mxpost::diagnose {

/// Sentences without a full stop.
inline constexpr const char* kPortBlocked =
    "no mail server answers on port 25: outgoing mail is blocked, most likely by the provider";
inline constexpr const char* kOpenThePort =
    "Ask the provider of this host to open outgoing TCP port 25 for it";
inline constexpr const char* kOrSetRelay =
    "Or set \"relay\" and \"relay-credentials\" in mxpost.conf: a server that takes your mail on "
    "port "
    "587 or 465";

/// All of them, with full stops between; where no relay is set.
std::string port_blocked_advice();

}  // namespace mxpost::diagnose
