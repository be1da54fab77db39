#include "diagnose/port_25.h"

namespace mxpost::diagnose {

std::string port_blocked_advice() {
    std::string text = kPortBlocked;
    for (const char* sentence : {kOpenThePort, kOrSetRelay}) {
        text += ". ";
        text += sentence;
    }
    return text;
}

}  // namespace mxpost::diagnose
