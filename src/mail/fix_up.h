// Fix-ups: what submission does to a header (RFC 6409 8), and the recipients it finds there (-t).
//
// Pure: time, ids and names are arguments. Octets of fields that need no change stay as they are.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mail/address.h"
#include "mail/header.h"
#include "mail/sender_rewriter.h"

namespace mxpost::mail {

struct FixUpOptions {
    bool takes_recipients = false;            // -t
    bool qualifies = true;                    // false: -G, addresses are left as they are
    bool makes_ascii = true;                  // false: who sent it knows of SMTPUTF8, or -G
    const SenderRewriter* senders = nullptr;  // applied after qualification, not with -G
    std::string domain;     // completes unqualified addresses; empty: unknown, the engine does it
    std::string host;       // for Received, and (when it has a dot) Message-ID; empty: "localhost"
    ReversePath sender;     // envelope sender, for a missing From; null: MAILER-DAEMON
    std::string full_name;  // for a missing From: -F, NAME or full_name_from_gecos(); any octets
    std::string id;         // queue id, [0-9A-Za-z.-]
    // For Received (RFC 5321 4.4); each may be missing.
    std::optional<std::uint32_t> uid;  // of the local submitter
    std::string client;                // "name" or "name ([192.0.2.1])"; no octet that isn't text
    std::string protocol;              // RFC 3848, RFC 6531 4.3: "ESMTP"
    std::chrono::sys_seconds now;
    std::chrono::minutes utc_offset{0};  // local time is UTC + this
};

struct FixUpResult {
    HeaderBlock header;
    /// With takes_recipients: To, Cc and Bcc in header order, or Resent-To, Resent-Cc and
    /// Resent-Bcc of all blocks when one of these exists. Not qualified, duplicates kept.
    AddressList recipients;
    /// Received fields that were there: over 100 is a loop (RFC 5321 6.3).
    std::size_t hops = 0;
    /// An unqualified address (or the Message-ID) waits for complete_header().
    bool is_incomplete = false;
    /// With makes_ascii: an address in the new header, or this host's name, is beyond ASCII.
    /// Servers need RFC 6531 for it, unless A-labels make it ASCII (route::header_with_a_labels()).
    bool needs_smtp_utf8 = false;
    /// A line of the new header is over 998 octets (for Envelope::has_long_lines).
    bool has_long_lines = false;
};

/// - removes Bcc, Resent-Bcc, Return-Path, Content-Length;
/// - of Date, Message-ID, Subject, From, Sender and Reply-To keeps the first only, joins several To
///   (Cc) fields into one: large receivers refuse repeated ones (RFC 5322 3.6);
/// - removes To, Cc, Sender and Reply-To without content (RFC 5322 has no empty form of them);
/// - adds Date, Message-ID and From where missing (From also where empty), and Resent-Date,
///   Resent-From and Resent-Message-ID where any Resent field is there but that one is not;
/// - with makes_ascii encodes what is beyond ASCII (make_ascii());
/// - where From has text but no address makes that text the name beside the envelope's sender;
/// - qualifies addresses in the originator and destination fields;
/// - rewrites the senders (rewrite_senders());
/// - puts Received in front.
FixUpResult fix_up(HeaderBlock header, const FixUpOptions& options);

/// pw_gecos up to the first comma; '&' stands for the login name with a capital letter.
std::string full_name_from_gecos(std::string_view gecos, std::string_view login);

}  // namespace mxpost::mail
