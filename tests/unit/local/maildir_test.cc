#include "local/maildir.h"

#include <cerrno>
#include <filesystem>

#include "unit/local/mailbox_test.h"

namespace mxpost::local {

namespace {

using mail::OutcomeKind;

std::vector<std::string> names_in(const std::string& path) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
        names.push_back(entry.path().filename().string());
    }
    return names;
}

class MaildirTest : public MailboxTest {
protected:
    mail::RecipientOutcome deliver() { return deliver(message("Subject: x\n\nFrom here\n")); }
    mail::RecipientOutcome deliver(const MessageReader& reader) {
        return deliver_to_maildir(tools, directory / "Maildir", reader, "host/a:b");
    }
};

TEST_F(MaildirTest, IsMadeAndGetsTheMessageInNew) {
    EXPECT_EQ(deliver().kind, OutcomeKind::delivered);
    const auto names = names_in(directory / "Maildir/new");
    ASSERT_EQ(names.size(), 1U);
    EXPECT_TRUE(names[0].starts_with("1704110400.M0P")) << names[0];
    EXPECT_TRUE(names[0].ends_with(".host_a_b")) << names[0];
    EXPECT_EQ(content_of(directory / "Maildir/new/" + names[0]), "Subject: x\n\nFrom here\n");
    EXPECT_TRUE(names_in(directory / "Maildir/tmp").empty());
    struct stat status {};
    ASSERT_EQ(::stat((directory / "Maildir/cur").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700U);
}

TEST_F(MaildirTest, LeavesNothingOfAMessageThatCouldNotBeWritten) {
    ASSERT_EQ(deliver().kind, OutcomeKind::delivered);
    std::size_t delivered = 1;
    for (std::size_t nth = 1; nth < 20; ++nth) {
        const MessageReader reader = message("Subject: x\n\nFrom here\n");
        files.tear_writes(3);
        files.fail(nth, ENOSPC);
        const auto outcome = deliver(reader);
        files.heal();
        delivered += outcome.kind == OutcomeKind::delivered ? 1U : 0U;
        EXPECT_EQ(names_in(directory / "Maildir/new").size(), delivered) << nth << outcome.text;
        EXPECT_TRUE(names_in(directory / "Maildir/tmp").empty()) << nth;
    }
    EXPECT_LT(delivered, 15U);
}

}  // namespace

}  // namespace mxpost::local
