// Ruling: what a server's refusal means, and what follows from it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "diagnose/site_limits.h"
#include "mail/outcome.h"

namespace mxpost::diagnose {

/// Whom or what a refusal is about: what else would get the same answer now. It sorts the rules for
/// whoever reads them or their tests; nothing is done because of it. What follows for others than
/// the recipient is what the Ruling's other members say.
enum class Scope : std::uint8_t {
    recipient,
    message,         // it, whoever gets it
    sender_domain,   // all mail from this sender's domain
    our_address,     // everything that comes from the address of ours that was used
    address_family,  // the same, but the other family may fare better
    session,         // this host, now: another session or another host may do
    site             // everything for these MX hosts
};

/// Limits that hold for a while.
struct TemporaryLimits {
    SiteLimits limits;
    std::chrono::seconds duration{};
};

/// A value. Durations of 0 and false: no such thing follows. Its texts live as long as the
/// RuleBook that it comes from.
struct Ruling {
    Ruling() = default;  // g++ 12 miscompiles aggregate temporaries in co_await expressions

    std::string_view rule;  // its name; empty: no rule matched, this is RFC 5321
    Scope scope = Scope::recipient;
    /// What the outcome is to be instead of what the reply's first digit says; see apply().
    std::optional<mail::OutcomeKind> kind;

    // When the recipient is tried again.
    bool is_greylisting = false;     // "not yet", from the same address: no failure of the host
    bool is_as_stated = false;       // when the reply says so (see stated_delay), if it does
    std::chrono::seconds retry{};    // at the earliest
    std::chrono::seconds give_up{};  // age of the message at which it is returned, if sooner than
                                     // the queue lifetime

    // What follows for the site.
    std::chrono::seconds suspend{};  // no session for so long
    bool is_slow_down = false;       // halve the sessions, back off for an hour or more
    std::optional<TemporaryLimits> limits;
    std::chrono::seconds other_family{};  // try the other family at once, stay with it so long
    bool is_next_host = false;            // try the next MX host at once
    bool is_reconnect = false;            // no error: a new session at once, no back-off
    bool is_tls_required = false;         // try again with TLS, never without
    bool is_too_many_recipients = false;  // the rest in another transaction

    std::string_view notice;  // for the administrator: one sentence; empty: none

    /// The earliest time after the attempt at which another one makes sense.
    std::chrono::seconds least_delay() const;
};

/// Makes `outcome` what the ruling says: deferred although the reply was 5yz, or failed although it
/// was 4yz. The server's code and words stay. Applying it twice changes nothing more.
void apply(const Ruling& ruling, mail::RecipientOutcome& outcome);

/// The words of the data file: "our-address", "start-tls".
std::string_view name_of(Scope scope);
std::optional<Scope> parse_scope(std::string_view text);
std::optional<mail::Step> parse_step(std::string_view text);

/// The reply's own class (its code's first digit) with subject and detail: what the server said,
/// whatever apply() made of it. Class 0: it stated no enhanced status.
mail::EnhancedStatus stated_status(const mail::RecipientOutcome& outcome);

}  // namespace mxpost::diagnose
