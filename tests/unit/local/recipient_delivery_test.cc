#include "local/recipient_delivery.h"

#include <csignal>

#include <gmock/gmock.h>

#include "unit/local/mailbox_test.h"

namespace mxpost::local {

namespace {

using mail::OutcomeKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RecipientDeliveryTest : public MailboxTest {
protected:
    RecipientDeliveryTest() {
        ::signal(SIGPIPE, SIG_IGN);
        ::chmod(directory.path().c_str(), 0755);
        account = {"alice", ::geteuid(), ::getegid(), directory.path(), "/bin/sh"};
        options.mailbox = {mail::MailboxKind::mbox, directory.path() + "/mail-%u"};
        options.local_domains = {"host.example"};
        options.max_message = 1 << 20;
        request.name = "alice";
        request.recipient = "alice@host.example";
        request.message = memory_file("Subject: x\n\nbody\n");
    }
    Answer deliver() {
        RecipientDelivery work(tools, options, account, request);
        return work.run();
    }
    void forward(const std::string& text) {
        put(directory / ".forward", text);
        ::chmod((directory / ".forward").c_str(), 0644);
    }
    std::size_t copies() {
        const std::string text = content_of(directory / "mail-alice");
        std::size_t found = 0;
        for (std::size_t at = 0; (at = text.find("body\n", at)) != std::string::npos; ++at) {
            ++found;
        }
        return found;
    }

    Account account;
    DeliveryOptions options;
    Request request;
};

TEST_F(RecipientDeliveryTest, PutsMailInTheMailbox) {
    EXPECT_EQ(deliver().outcome.kind, OutcomeKind::delivered);
    EXPECT_EQ(copies(), 1U);
}

TEST_F(RecipientDeliveryTest, TakesEverySpellingOfOneselfForTheMailbox) {
    forward("\\alice, alice, Alice, alice@HOST.example, " + (directory / "mail-alice") + "\n");
    const Answer answer = deliver();
    EXPECT_EQ(answer.outcome.kind, OutcomeKind::delivered);
    EXPECT_THAT(answer.forwards, IsEmpty());
    EXPECT_EQ(copies(), 1U);
}

TEST_F(RecipientDeliveryTest, GivesAddressesBackToTheEngine) {
    forward("bob@example.com, carol, \\dave, bob@example.com\n");
    const Answer answer = deliver();
    EXPECT_EQ(answer.outcome.kind, OutcomeKind::delivered);
    EXPECT_THAT(
        answer.forwards,
        ElementsAre(
            mail::Address("bob", "example.com"),
            mail::Address("carol", ""),
            mail::Address("dave", "")
        )
    );
    EXPECT_EQ(copies(), 0U);
}

TEST_F(RecipientDeliveryTest, RemembersWhatIsDoneWhenAnotherTargetHasToWait) {
    forward("\\alice, bob@example.com, \"|/bin/sh -c 'test -e go || exit 75'\"\n");
    const Answer first = deliver();
    EXPECT_EQ(first.outcome.kind, OutcomeKind::deferred);
    EXPECT_THAT(first.forwards, IsEmpty()) << "not before everything here is settled";
    EXPECT_THAT(first.done, SizeIs(1));
    put(directory / "go", "");
    request.done = first.done;
    const Answer second = deliver();
    EXPECT_EQ(second.outcome.kind, OutcomeKind::delivered);
    EXPECT_THAT(second.forwards, SizeIs(1));
    EXPECT_EQ(copies(), 1U);
}

TEST_F(RecipientDeliveryTest, FailsWithTheTargetThatFailsAndForwardsAllTheSame) {
    forward("\\alice, bob@example.com, \"|/bin/sh -c 'exit 69'\"\n");
    const Answer answer = deliver();
    EXPECT_EQ(answer.outcome.kind, OutcomeKind::failed);
    EXPECT_THAT(answer.outcome.text, HasSubstr("exit status 69"));
    EXPECT_THAT(answer.forwards, SizeIs(1));
    EXPECT_EQ(copies(), 1U);
}

TEST_F(RecipientDeliveryTest, TellsOfAForwardThatIsIgnored) {
    forward("bob@example.com\n");
    ::chmod((directory / ".forward").c_str(), 0666);
    EXPECT_EQ(deliver().outcome.kind, OutcomeKind::delivered);
    EXPECT_EQ(copies(), 1U);
    ASSERT_THAT(warnings, SizeIs(1));
    EXPECT_THAT(warnings[0], HasSubstr("may be written by everybody"));
}

TEST_F(RecipientDeliveryTest, MakesACommandWithShellSyntaxWait) {
    forward("\"|IFS=' ' && exec /usr/bin/procmail -f- || exit 75 #alice\"\n");
    const Answer answer = deliver();
    EXPECT_EQ(answer.outcome.kind, OutcomeKind::deferred);
    EXPECT_THAT(answer.outcome.text, HasSubstr("shell syntax"));
}

TEST_F(RecipientDeliveryTest, DeliversToFilesAndMaildirs) {
    forward((directory / "copy") + ", " + (directory / "dir/") + ", /dev/null\n");
    EXPECT_EQ(deliver().outcome.kind, OutcomeKind::delivered);
    EXPECT_THAT(content_of(directory / "copy"), HasSubstr("body\n\n"));
    EXPECT_TRUE(exists(directory / "dir/new"));
}

TEST_F(RecipientDeliveryTest, LooksAtNoForwardWhereTheMailboxIsAskedFor) {
    forward("bob@example.com\n");
    request.kind = RequestKind::mailbox;
    EXPECT_THAT(deliver().forwards, IsEmpty());
    EXPECT_EQ(copies(), 1U);
    options.mailbox = {mail::MailboxKind::maildir, "Maildir"};
    EXPECT_EQ(deliver().outcome.kind, OutcomeKind::delivered);
    EXPECT_TRUE(exists(directory / "Maildir/new"));
}

TEST_F(RecipientDeliveryTest, LeavesAnLmtpMailboxToTheEngine) {
    options.mailbox = {mail::MailboxKind::lmtp, "/run/x"};
    forward("\\alice, bob@example.com\n");
    Answer answer = deliver();
    EXPECT_TRUE(answer.wants_mailbox);
    EXPECT_THAT(answer.forwards, SizeIs(1));
    forward("\\alice, \"|/bin/sh -c 'exit 75'\"\n");
    answer = deliver();
    EXPECT_FALSE(answer.wants_mailbox) << "not before the program is done";
}

}  // namespace

}  // namespace mxpost::local
