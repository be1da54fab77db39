#include "mail/mailbox_place.h"

#include <algorithm>

#include "base/text.h"

namespace mxpost::mail {

namespace {

constexpr const char* kExpected = "mbox, mbox:/path/%u, maildir, maildir:PATH or lmtp:SERVER";

bool is_clean(std::string_view path) {
    const auto parts = split(path, '/');
    return !path.empty() && !path.ends_with('/') &&
           std::ranges::none_of(parts, [](auto part) { return part == ".." || part == "."; });
}

}  // namespace

Result<MailboxPlace> MailboxPlace::parse(std::string_view text) {
    if (text == "mbox") {
        return MailboxPlace{MailboxKind::mbox, "/var/mail/%u"};
    }
    if (text == "maildir") {
        return MailboxPlace{MailboxKind::maildir, "Maildir"};
    }
    const std::size_t colon = text.find(':');
    const std::string_view kind = text.substr(0, colon);
    const std::string path(colon == std::string_view::npos ? "" : text.substr(colon + 1));
    const bool is_absolute = path.starts_with('/');
    const bool names_user = path.find("%u") != std::string::npos;
    if (kind == "lmtp" && !path.empty()) {
        return MailboxPlace{MailboxKind::lmtp, path};
    }
    if (!is_clean(path)) {
        return Error::invalid(kExpected);
    }
    if (kind == "mbox" && is_absolute && names_user) {
        return MailboxPlace{MailboxKind::mbox, path};
    }
    if (kind == "maildir" && (!is_absolute || names_user)) {
        return MailboxPlace{MailboxKind::maildir, path};
    }
    return Error::invalid(kExpected);
}

std::string MailboxPlace::path_for(const std::string& user, const std::string& home) const {
    std::string result = path;
    for (std::size_t at = result.find("%u"); at != std::string::npos;
         at = result.find("%u", at + user.size())) {
        result.replace(at, 2, user);
    }
    return result.starts_with('/') ? result : home + "/" + result;
}

}  // namespace mxpost::mail
