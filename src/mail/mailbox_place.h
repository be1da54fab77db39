// Where a user's mailbox is: the setting `mailbox`.
//
//     mbox              /var/mail/USER          mbox:/path/%u      %u is the user's name
//     maildir           ~/Maildir               maildir:PATH       below the home; or absolute,
//     with %u lmtp:SERVER       an LMTP server's, which the engine speaks to (deliver::LmtpServer)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mxpost::mail {

enum class MailboxKind : std::uint8_t { mbox, maildir, lmtp };

struct MailboxPlace {
    MailboxKind kind = MailboxKind::mbox;
    std::string path = "/var/mail/%u";  // maildir: relative to the home when not absolute

    /// The error says what was expected.
    static Result<MailboxPlace> parse(std::string_view text);
    /// The absolute path of a user's mailbox; `home` without a final slash.
    std::string path_for(const std::string& user, const std::string& home) const;

    friend bool operator==(const MailboxPlace&, const MailboxPlace&) = default;
};

}  // namespace mxpost::mail
