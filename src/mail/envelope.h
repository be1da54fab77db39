// The envelope: who gets the message, who hears of trouble, and how (RFC 5321 2.3.1, RFC 3461).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "mail/address.h"

namespace mxpost::mail {

/// RFC 3461 4.1. `unset`: the default of each hop (failure, perhaps delay).
enum class Notify : std::uint8_t { unset = 0, never = 1, success = 2, failure = 4, delay = 8 };
using NotifySet = std::uint8_t;  // bits of Notify

inline bool has(NotifySet set, Notify bit) {
    return (set & static_cast<NotifySet>(bit)) != 0;
}

enum class DsnReturn : std::uint8_t { unset = 0, full = 1, headers = 2 };  // RFC 3461 4.3

/// Where trouble goes that the submitting program doesn't see: sendmail's ErrorMode.
enum class ErrorMode : std::uint8_t { mail = 0, print = 1, quiet = 2, always_zero = 3, write = 4 };

/// How far a recipient of this host has come on its way through aliases and ~/.forward. An address
/// elsewhere, and what was submitted, is at its beginning.
enum class LocalStep : std::uint8_t {
    alias = 0,    // aliases apply
    user = 1,     // they have been applied: a user, whose ~/.forward applies
    mailbox = 2,  // neither applies: the user's mailbox
    programs = 3  // the address names an alias: its commands and files
};

struct Recipient {
    Recipient() = default;
    explicit Recipient(Address address_) : address(std::move(address_)) {}

    Address address;
    NotifySet notify = 0;
    std::string
        original_recipient;  // RFC 3461 4.2, "rfc822;xtext" (or RFC 6533's "utf-8;"), empty: none
    LocalStep step = LocalStep::alias;
};

struct Envelope {
    ReversePath sender;
    std::vector<Recipient> recipients;
    DsnReturn dsn_return = DsnReturn::unset;
    std::string envelope_id;  // RFC 3461 4.4, xtext as given, empty: none
    ErrorMode error_mode = ErrorMode::mail;
    WallTime arrival;
    bool is_eight_bit = false;    // the content has octets over 127 (a hint: senders re-check)
    bool has_long_lines = false;  // a line is over 998 octets: must be re-encoded (a hint)
    bool is_smtp_utf8 = false;    // header or an address needs RFC 6531
    bool requires_tls = false;  // RFC 8689: each server on the way must be authenticated, and agree
    bool is_followed =
        false;  // the submitter waits: write every outcome to the journal before removal
    bool is_verbose = false;  // … and the dialogue as it happens (-v)
    bool is_bounce = false;   // made by mxpost: a report
    bool is_incomplete =
        false;  // this host had no full name: unqualified addresses stand in envelope and
                // header as written, and the engine completes both (design 7)
};

}  // namespace mxpost::mail
