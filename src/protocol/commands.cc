#include "protocol/commands.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "mail/xtext.h"

namespace mxpost::protocol {
namespace {

// RFC 5321 4.5.3.1 has 64 and 255; longer local parts do exist (VERP), so leave that to the server.
constexpr std::size_t kMaxAddress = 512;

bool is_control(char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet < 0x20 || octet == 0x7f;
}

std::string notify_list(mail::NotifySet notify) {
    struct Name {
        mail::Notify bit;
        std::string_view text;
    };
    constexpr std::array kNames = {
        Name{mail::Notify::success, "SUCCESS"},
        Name{mail::Notify::failure, "FAILURE"},
        Name{mail::Notify::delay, "DELAY"},
    };
    // NEVER stands alone (RFC 3461 4.1).
    if (has(notify, mail::Notify::never)) {
        return "NEVER";
    }
    std::string list;
    for (const auto& name : kNames) {
        if (has(notify, name.bit)) {
            list += (list.empty() ? "" : ",");
            list += name.text;
        }
    }
    return list;
}

}  // namespace

bool is_safe_address(const mail::Address& address) {
    const std::string text = address.text();
    if (address.local_part().empty() || text.size() > kMaxAddress ||
        std::any_of(text.begin(), text.end(), is_control)) {
        return false;
    }
    if (!address.is_qualified() && !ascii_iequals(address.local_part(), "postmaster")) {
        return false;
    }
    if (address.domain().find_first_of(" <>\"@\\,;()") != std::string::npos) {
        return false;
    }
    bool is_quoted = false;
    bool is_escaped = false;
    for (const char c : address.local_part()) {
        if (is_escaped) {
            is_escaped = false;
        } else if (c == '\\') {
            is_escaped = true;
        } else if (c == '"') {
            is_quoted = !is_quoted;
        } else if (!is_quoted && std::string_view(" <>@,;:()[]").find(c) != std::string_view::npos) {
            return false;
        }
    }
    return !is_quoted && !is_escaped;
}

bool is_safe_helo_name(std::string_view name) {
    return !name.empty() && name.size() <= 255 && is_ascii(name) &&
           std::none_of(name.begin(), name.end(), [](char c) { return is_control(c) || c == ' '; });
}

bool needs_smtp_utf8(const mail::Address& address) {
    return !is_ascii(address.local_part()) || !is_ascii(address.domain());
}

std::string mail_command(const Transaction& transaction, const MailParameters& parameters) {
    std::string line = "MAIL FROM:<" + mail::path_text(transaction.sender) + ">";
    if (parameters.has_size) {
        line += " SIZE=" + std::to_string(transaction.content_size);
    }
    if (parameters.has_body) {
        line += " BODY=8BITMIME";
    }
    if (parameters.has_smtp_utf8) {
        line += " SMTPUTF8";
    }
    if (parameters.has_require_tls) {
        line += " REQUIRETLS";
    }
    if (parameters.has_dsn) {
        if (transaction.dsn_return == mail::DsnReturn::full) {
            line += " RET=FULL";
        } else if (transaction.dsn_return == mail::DsnReturn::headers) {
            line += " RET=HDRS";
        }
        if (mail::is_xtext(transaction.envelope_id) &&
            transaction.envelope_id.size() <= mail::kMaxEnvelopeId) {
            line += " ENVID=" + transaction.envelope_id;
        }
    }
    return line;
}

std::string rcpt_command(const mail::Recipient& recipient, bool has_dsn) {
    std::string line = "RCPT TO:<" + recipient.address.text() + ">";
    if (!has_dsn) {
        return line;
    }
    if (const std::string list = notify_list(recipient.notify); !list.empty()) {
        line += " NOTIFY=" + list;
    }
    if (mail::is_original_recipient(recipient.original_recipient)) {
        line += " ORCPT=" + recipient.original_recipient;
    }
    return line;
}

}  // namespace mxpost::protocol
