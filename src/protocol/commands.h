// The client's command lines. Nothing that came from an address, a parameter or a setting can end
// a line early: each is checked here, whoever checked it before.
#pragma once

#include <string>
#include <string_view>

#include "mail/envelope.h"
#include "protocol/capabilities.h"
#include "protocol/transaction.h"

namespace mxpost::protocol {

/// The address can stand between the angle brackets of a command: no controls, no space or bracket
/// outside quotes, bounded, with a domain (but for "postmaster", RFC 5321 4.1.1.3).
bool is_safe_address(const mail::Address& address);
/// A name or address literal for EHLO.
bool is_safe_helo_name(std::string_view name);
bool needs_smtp_utf8(const mail::Address& address);

/// The optional parts of MAIL.
struct MailParameters {
    bool has_size = false;
    bool has_body = false;
    bool has_smtp_utf8 = false;
    bool has_require_tls = false;
    bool has_dsn = false;
};

/// "MAIL FROM:<…> …" without CRLF. The sender must be safe.
std::string mail_command(const Transaction& transaction, const MailParameters& parameters);
/// "RCPT TO:<…> …" without CRLF. The address must be safe; NOTIFY and ORCPT (RFC 3461 4.1, 4.2)
/// only when `has_dsn`.
std::string rcpt_command(const mail::Recipient& recipient, bool has_dsn);

}  // namespace mxpost::protocol
