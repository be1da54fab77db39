// The arguments of MAIL and RCPT: path and parameters (RFC 5321 4.1.2, RFC 1870, 3461, 6152, 6531),
// taken strictly where they become part of the envelope.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mail/envelope.h"

namespace mxpost::protocol {

/// What the server answers: "250", "2.1.0 ok". Text without CR and LF.
struct ServerReply {
    ServerReply() = default;
    ServerReply(std::uint16_t code_, std::string text_) : code(code_), text(std::move(text_)) {}

    std::uint16_t code = 0;
    std::string text;
};

struct MailCommand {
    mail::ReversePath sender;           // may be unqualified
    std::optional<std::uint64_t> size;  // RFC 1870
    bool is_smtp_utf8 = false;          // RFC 6531
    bool requires_tls = false;          // RFC 8689
    mail::DsnReturn dsn_return = mail::DsnReturn::unset;
    std::string envelope_id;  // xtext
};

/// `argument` is what stands behind "MAIL ". A refusal has its reply ready.
struct ParsedMail {
    MailCommand command;
    std::optional<ServerReply> refusal;
};
ParsedMail parse_mail(std::string_view argument);

/// The same behind "RCPT ". `is_smtp_utf8`: MAIL had SMTPUTF8.
struct ParsedRecipient {
    mail::Recipient recipient;  // may be unqualified
    std::optional<ServerReply> refusal;
};
ParsedRecipient parse_recipient(std::string_view argument, bool is_smtp_utf8);

}  // namespace mxpost::protocol
