// What became of one recipient in one attempt.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mxpost::mail {

/// RFC 3463: class.subject.detail, such as 5.1.1.
struct EnhancedStatus {
    std::uint8_t klass = 0;  // 2, 4 or 5; 0: none
    std::uint16_t subject = 0;
    std::uint16_t detail = 0;

    friend bool operator==(const EnhancedStatus&, const EnhancedStatus&) = default;
    std::string text() const;
    /// Parses "5.1.1" at the front of `text`; klass 0 when there is none.
    static EnhancedStatus parse_prefix(std::string_view text);
};

enum class OutcomeKind : std::uint8_t {
    delivered = 1,  // the next hop has taken responsibility
    deferred = 2,   // try again later
    failed = 3      // never
};

/// What becomes of NOTIFY=SUCCESS where the recipient is `delivered` (RFC 3461 5.2.7).
enum class SuccessReport : std::uint8_t {
    due = 0,        // ours to send: delivered here, or relayed to a host that doesn't report
    passed_on = 1,  // none: the message went on with the request
    expanded = 2    // ours to send, as "expanded": it went on to several without the request
};

/// What the other side answered, or didn't, when the outcome came about. `none`: not known.
enum class Step : std::uint8_t {
    none,
    connect,
    greeting,
    hello,  // EHLO, HELO, LHLO
    start_tls,
    auth,
    mail,
    recipient,
    data,    // the DATA command
    content  // after the message: the final dot, BDAT
};

/// Copyable value. All text was written by a peer: it is bounded, but may hold anything until
/// printable() was applied.
struct RecipientOutcome {
    // Constructors on purpose: g++ 12 miscompiles aggregate temporaries in co_await expressions.
    RecipientOutcome() = default;
    RecipientOutcome(OutcomeKind kind_, EnhancedStatus status_, std::string text_)
        : kind(kind_), status(status_), text(std::move(text_)) {}

    OutcomeKind kind = OutcomeKind::deferred;
    EnhancedStatus status;
    SuccessReport success = SuccessReport::due;
    Step step = Step::none;          // not kept in the journal
    std::uint16_t reply_code = 0;    // SMTP code, 0 when no server answered
    std::string text;                // the server's own words (lines joined by a space), or ours
    std::string remote_host;         // MX host name, empty when none was reached
    std::string remote_address;      // "192.0.2.1" or "2001:db8::1", empty when none was reached
    std::uint16_t remote_port = 25;  // for the log; not kept in the journal
    bool is_untried = false;         // another's, or the engine ended; not kept in the journal
    std::string tls;                 // "TLSv1.3 TLS_AES_256_GCM_SHA384 untrusted", empty: in clear
};

/// What the server said, as it said it: "250 2.0.0 Ok"; our own words where none spoke.
std::string reply_text(const RecipientOutcome& outcome);

/// Begins the remote_host of outcomes that came from an LMTP server, which is the last to have the
/// mail: "lmtp:/run/dovecot/lmtp".
inline constexpr std::string_view kLmtpPrefix = "lmtp:";

inline constexpr std::size_t kMaxOutcomeText = 512;  // octets kept of a reply

}  // namespace mxpost::mail
