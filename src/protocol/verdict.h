// What a reply means for the session that it belongs to.
#pragma once

#include <string>
#include <utility>

#include "mail/outcome.h"

namespace mxpost::protocol {

/// A value; made by the functions below.
struct Verdict {
    enum class Kind {
        go_on,          // more replies are due, or the driver has something to do
        done,           // this part of the session has come to its good end
        refused,        // `outcome` holds for all mail; the server deserves a QUIT
        desynchronised  // the server broke the protocol: `what`
    };
    Kind kind = Kind::go_on;
    mail::RecipientOutcome outcome;
    std::string what;

    static Verdict go_on() { return {}; }
    static Verdict done() { return {Kind::done, {}, {}}; }
    static Verdict refused(mail::RecipientOutcome outcome) {
        return {Kind::refused, std::move(outcome), {}};
    }
    static Verdict desynchronised(std::string what) {
        return {Kind::desynchronised, {}, std::move(what)};
    }
};

}  // namespace mxpost::protocol
