#include "mail/mailbox_place.h"

#include <gtest/gtest.h>

namespace mxpost::mail {

namespace {

TEST(MailboxPlace, IsReadFromItsSetting) {
    const auto path = [](const char* text) {
        return MailboxPlace::parse(text)->path_for("alice", "/home/alice");
    };
    EXPECT_EQ(path("mbox"), "/var/mail/alice");
    EXPECT_EQ(path("mbox:/srv/%u/inbox"), "/srv/alice/inbox");
    EXPECT_EQ(path("maildir"), "/home/alice/Maildir");
    EXPECT_EQ(path("maildir:Mail/in"), "/home/alice/Mail/in");
    EXPECT_EQ(path("maildir:/srv/mail/%u/%u"), "/srv/mail/alice/alice");
    EXPECT_EQ(MailboxPlace::parse("lmtp:localhost:24")->kind, MailboxKind::lmtp);
    EXPECT_EQ(MailboxPlace::parse("lmtp:/run/dovecot/lmtp")->path, "/run/dovecot/lmtp");
}

TEST(MailboxPlace, RefusesPlacesThatUsersWouldShareOrLeave) {
    for (const char* text :
         {"",
          "mbox:",
          "mbox:relative/%u",
          "mbox:/var/mail/all",
          "mbox:/a/../%u",
          "maildir:",
          "maildir:/srv/all",
          "maildir:../x",
          "maildir:x/",
          "maildir:.",
          "lmtp:",
          "lmtp",
          "pop"}) {
        EXPECT_FALSE(MailboxPlace::parse(text)) << text;
    }
}

}  // namespace

}  // namespace mxpost::mail
