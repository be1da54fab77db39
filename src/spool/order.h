// Order: what a message's owner, or the administrator, wants done with it. Carried out by whoever
// has the message's claim: the command itself, or, where the message was busy, the engine that
// finds the request for it (see request.h).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/clock.h"
#include "base/result.h"
#include "spool/store.h"

namespace mxpost::spool {

enum class Verb : std::uint8_t {
    retry,    // due now
    hold,     // no engine tries it, and it doesn't expire, until it is released
    release,  // the end of that: due now
    remove,   // it goes, and nobody is told
    bounce    // who waits for it still has failed: the next attempt reports that
};

/// In this order those are carried out that were asked for together.
inline constexpr std::array<Verb, 5> kVerbs = {
    Verb::remove, Verb::bounce, Verb::hold, Verb::release, Verb::retry};

/// As commands, requests and JSON call it: "retry", "hold", "release", "delete", "bounce".
std::string_view verb_word(Verb verb);
std::optional<Verb> parse_verb(std::string_view word);

struct Order {
    Verb verb = Verb::retry;
    uid_t uid = 0;   // who wants it
    std::string by;  // the same for people: "alice (uid 1000)"
    WallTime now;
    /// A held message's name says that it is due after this time: then an engine has a look, which
    /// is cheap, and sets it again. No more than the longest retry delay, or the name would look
    /// like one that a wrong clock wrote.
    std::chrono::seconds look_again = std::chrono::hours(4);
};

enum class Compliance : std::uint8_t {
    done,
    needless  // so it is already; a held message isn't retried
};

/// What is done is durable when this returns, but for a removal (Store::sync_removals()) and for
/// due times. After an error the message may be as before, or as it was wanted: it can be repeated.
Result<Compliance> carry_out(Claim& claim, const Order& order);

/// For the log, after it was done: names the message, what was done and by whom. A deleted
/// message's says for whom it was.
std::string order_line(const Claim& claim, const Order& order);

}  // namespace mxpost::spool
