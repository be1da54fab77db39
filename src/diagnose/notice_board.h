// NoticeBoard: tells the administrator what a server's refusals mean, without repeating itself.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "diagnose/ruling.h"
#include "mail/outcome.h"

namespace mxpost::diagnose {

/// Remembers what it has said, in bounded memory.
class NoticeBoard {
public:
    /// The line to log for an outcome and its ruling; nothing where there is no notice, or where
    /// this one was given for the same host within the hour, or for many hosts.
    std::optional<std::string> note(
        const Ruling& ruling, const mail::RecipientOutcome& outcome, SteadyTime now
    );

private:
    struct Said {
        SteadyTime since;
        std::size_t count = 0;
    };
    void forget(SteadyTime now);

    std::map<std::pair<std::string, std::string>, SteadyTime> hosts_;  // by rule and host
    std::map<std::string, Said> rules_;
};

}  // namespace mxpost::diagnose
