// What the scripts of client_dialogue_test.cc don't show: content that changes, limits, what may be
// tried elsewhere, timeouts.
#include "protocol/client_machine.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "support/scripted_peer.h"

namespace mxpost::protocol {
namespace {

using Want = ClientMachine::Want;

/// A machine that is idle behind an EHLO with these keywords.
class Opened final : public ClientMachine {
public:
    Opened(const std::vector<std::string>& keywords, Dialogue* dialogue)
        : ClientMachine(in_clear(), dialogue) {
        std::string reply = "250-mx\r\n";
        for (const auto& keyword : keywords) {
            reply += "250-" + keyword + "\r\n";
        }
        received("220 mx\r\n");
        received(reply + "250 HELP\r\n");
        output().clear();
        EXPECT_EQ(want(), Want::idle);
    }

private:
    static ClientSettings in_clear() {
        ClientSettings settings("me.example");
        settings.start_tls = StartTls::never;
        return settings;
    }
};

Opened opened(const std::vector<std::string>& keywords, Dialogue* dialogue = nullptr) {
    return Opened(keywords, dialogue);
}

Transaction to(const std::vector<std::string>& locals, std::uint64_t size = 6) {
    Transaction transaction(mail::Address("me", "a.example"), {});
    for (const auto& local : locals) {
        transaction.recipients.emplace_back(mail::Address(local, "b.example"));
    }
    transaction.content_size = size;
    return transaction;
}

std::string take_output(ClientMachine& machine) {
    return std::exchange(machine.output(), {});
}

/// Brings a machine with PIPELINING to its content, all recipients accepted.
void go_to_content(ClientMachine& machine, Transaction transaction) {
    const auto count = transaction.recipients.size();
    machine.start(std::move(transaction));
    std::string replies = "250 ok\r\n";
    for (std::size_t i = 0; i < count; ++i) {
        replies += "250 ok\r\n";
    }
    machine.output().clear();
    machine.received(replies + "354 go\r\n");
    ASSERT_EQ(machine.want(), Want::content);
}

TEST(ClientMachine, ContentThatIsBadNeverGetsItsDot) {
    struct Bad {
        std::string content;
        std::uint64_t size;
    };
    const std::vector<Bad> all = {
        {"a\nb\r\n", 5},
        {"a\rb\r\n", 5},
        {"a\r\n.\n", 6},
        {std::string("a\0\r\n", 4), 4},
        {"a\r\nlonger\r\n", 3},
        {"a\r\n", 30},
        {"a\r\nb", 4},
        {std::string(999, 'x') + "\r\n", 1001},
    };
    for (const auto& bad : all) {
        auto machine = opened({"PIPELINING"});
        go_to_content(machine, to({"x", "y"}, bad.size));
        if (machine.content(bad.content)) {
            EXPECT_FALSE(machine.content_end());
        }
        EXPECT_EQ(machine.want(), Want::finished) << bad.content;
        EXPECT_EQ(machine.output(), "");
        const auto result = machine.result();
        EXPECT_TRUE(result.is_content_bad);
        EXPECT_FALSE(result.content_problem.empty());
        EXPECT_FALSE(result.may_try_next_host);
        EXPECT_FALSE(result.is_session_usable);
        ASSERT_EQ(result.outcomes.size(), 2U);
        EXPECT_EQ(result.outcomes[0].kind, mail::OutcomeKind::deferred);
    }
}

TEST(ClientMachine, ContentThatCannotBeReadEndsTheSession) {
    auto machine = opened({"PIPELINING"});
    go_to_content(machine, to({"x"}));
    EXPECT_TRUE(machine.content("a\r\n"));
    machine.content_failed("input/output error");
    EXPECT_EQ(machine.want(), Want::finished);
    EXPECT_TRUE(machine.result().is_content_bad);
    EXPECT_EQ(machine.result().outcomes[0].text, "the content can't be sent: input/output error");
}

TEST(ClientMachine, FinalDotFollowsTheContentInTheSameOutput) {
    auto machine = opened({"PIPELINING"});
    go_to_content(machine, to({"x"}));
    EXPECT_TRUE(machine.content(".a\r"));
    EXPECT_TRUE(machine.content("\nb"));
    EXPECT_FALSE(machine.output().ends_with("\r\n.\r\n"));
    EXPECT_TRUE(machine.content(""));
    EXPECT_EQ(machine.want(), Want::content);
    EXPECT_TRUE(machine.result().outcomes[0].kind == mail::OutcomeKind::deferred);
    machine.content_failed("stop here");
}

TEST(ClientMachine, LossBeforeTheDotMayBeTriedElsewhereAfterItNot) {
    for (const bool is_after : {false, true}) {
        for (const std::string how : {"close", "timeout", "garbage", "354 what?\r\n"}) {
            auto machine = opened({"PIPELINING"});
            go_to_content(machine, to({"x"}));
            EXPECT_TRUE(machine.content("abcd\r\n"));
            if (is_after) {
                EXPECT_TRUE(machine.content_end());
            }
            how == "close"     ? machine.closed("reset")
            : how == "timeout" ? machine.timed_out()
                               : machine.received(how);
            const auto result = machine.result();
            EXPECT_EQ(result.outcomes[0].kind, mail::OutcomeKind::deferred);
            EXPECT_EQ(result.may_try_next_host, !is_after) << how;
            EXPECT_EQ(machine.want(), Want::finished);
        }
    }
}

TEST(ClientMachine, ClosingReplyToTheDotIsARefusalNotALoss) {
    auto machine = opened({"PIPELINING"});
    go_to_content(machine, to({"x"}));
    EXPECT_TRUE(machine.content("abcd\r\n") && machine.content_end());
    machine.received("421 4.3.2 going down\r\n");
    EXPECT_EQ(machine.result().outcomes[0].status.text(), "4.3.2");
    EXPECT_TRUE(machine.result().may_try_next_host);
}

TEST(ClientMachine, ReplyBehindThe354IsNotTheFinalReply) {
    auto machine = opened({"PIPELINING"});
    machine.start(to({"x"}));
    machine.received("250 ok\r\n250 ok\r\n354 go\r\n250 taken before it was sent\r\n");
    EXPECT_EQ(machine.want(), Want::finished);
    EXPECT_EQ(machine.output(), "");
    EXPECT_EQ(machine.result().outcomes[0].kind, mail::OutcomeKind::deferred);
    EXPECT_TRUE(machine.result().may_try_next_host);
}

TEST(ClientMachine, AReplyThatComesBeforeItsCommandIsNoReply) {
    ClientMachine eager{ClientSettings("me.example")};
    eager.received("220 mx\r\n250 and EHLO is fine too\r\n");
    EXPECT_EQ(eager.want(), Want::finished);
    EXPECT_EQ(eager.output(), "");
    EXPECT_EQ(eager.trouble()->status.text(), "4.5.0");

    auto machine = opened({});
    machine.start(to({"x"}));
    machine.output().clear();
    machine.received("250 sender\r\n250 any recipient\r\n354 go\r\n250 taken\r\n");
    EXPECT_EQ(machine.want(), Want::finished);
    EXPECT_EQ(machine.output(), "");
    EXPECT_EQ(machine.result().outcomes[0].kind, mail::OutcomeKind::deferred);
    EXPECT_TRUE(machine.result().may_try_next_host);
}

TEST(ClientMachine, RefusalInTheMiddleOfTheContentCounts) {
    auto machine = opened({"PIPELINING"});
    go_to_content(machine, to({"x"}));
    EXPECT_TRUE(machine.content("abc"));
    machine.received("552 5.3.4 enough\r\n");
    EXPECT_EQ(machine.want(), Want::finished);
    EXPECT_EQ(machine.result().outcomes[0].kind, mail::OutcomeKind::failed);
    EXPECT_EQ(machine.result().outcomes[0].text, "5.3.4 enough");
}

TEST(ClientMachine, SurplusBehindTheFinalReplyKeepsTheDelivery) {
    auto machine = opened({"PIPELINING"});
    go_to_content(machine, to({"x"}));
    EXPECT_TRUE(machine.content("abcd\r\n") && machine.content_end());
    machine.received("250 taken\r\n421 that was the last one\r\n");
    EXPECT_EQ(machine.result().outcomes[0].kind, mail::OutcomeKind::delivered);
    EXPECT_FALSE(machine.result().is_session_usable);
    EXPECT_FALSE(machine.result().may_try_next_host);
    EXPECT_EQ(machine.want(), Want::finished);
}

TEST(ClientMachine, OctetsBehindTheReplyToStartTlsAreAnAttack) {
    for (const std::string injected : {"250 mx\r\n", "2", "\r\n", "421 x\r\n"}) {
        ClientMachine machine{ClientSettings("me.example")};
        machine.received("220 mx\r\n");
        machine.received("250-mx\r\n250 STARTTLS\r\n");
        machine.received("220 go\r\n" + injected);
        EXPECT_EQ(machine.want(), Want::finished);
        ASSERT_TRUE(machine.trouble());
        EXPECT_EQ(machine.trouble()->status.text(), "4.7.0");
        // Not a failed handshake: that would be retried in clear, which is what the attacker wants.
        EXPECT_FALSE(machine.is_tls_failure());
    }
}

TEST(ClientMachine, LossInTheHandshakeIsATlsFailure) {
    ClientMachine machine{ClientSettings("me.example")};
    machine.received("220 mx\r\n");
    machine.received("250-mx\r\n250 STARTTLS\r\n");
    machine.received("220 go\r\n");
    EXPECT_EQ(machine.want(), Want::start_tls);
    machine.timed_out();
    EXPECT_TRUE(machine.is_tls_failure());
    EXPECT_EQ(machine.trouble()->text, "timed out while waiting for the TLS handshake");
}

// What TLS reports go by (RFC 8460 4.3.1: starttls-not-supported).
TEST(ClientMachine, TlsThatIsRequiredAndNotOfferedFailsAtStartTls) {
    ClientSettings settings("me.example");
    settings.start_tls = StartTls::required;
    ClientMachine machine{settings};
    machine.received("220 mx\r\n");
    machine.received("250 mx\r\n");
    ASSERT_TRUE(machine.trouble());
    EXPECT_EQ(machine.trouble()->step, mail::Step::start_tls);
    EXPECT_FALSE(machine.is_tls_failure());
    EXPECT_TRUE(machine.output().ends_with("QUIT\r\n"));
}

TEST(ClientMachine, MustIssueStartTlsDefersAfterAFailedHandshake) {
    for (const bool is_after_failure : {false, true}) {
        ClientSettings settings("me.example");
        settings.is_after_tls_failure = is_after_failure;
        settings.start_tls = StartTls::never;
        ClientMachine machine(settings);
        machine.received("220 mx\r\n");
        machine.received("250 mx\r\n");
        machine.start(to({"x"}));
        machine.received("530 5.7.0 Must issue a STARTTLS command first\r\n");
        EXPECT_EQ(
            machine.result().outcomes[0].kind,
            is_after_failure ? mail::OutcomeKind::deferred : mail::OutcomeKind::failed
        );
        EXPECT_EQ(machine.result().outcomes[0].status.text(), is_after_failure ? "4.7.0" : "5.7.0");
    }
}

TEST(ClientMachine, MessageOverTheAnnouncedSizeIsNotOffered) {
    auto machine = opened({"SIZE 1000", "PIPELINING"});
    machine.start(to({"x", "y"}, 1001));
    EXPECT_EQ(machine.output(), "");
    EXPECT_EQ(machine.want(), Want::idle);
    const auto result = machine.result();
    EXPECT_EQ(result.outcomes[1].kind, mail::OutcomeKind::failed);
    EXPECT_EQ(result.outcomes[1].status.text(), "5.3.4");
    EXPECT_TRUE(result.is_session_usable);
    machine.start(to({"x"}, 1000));
    EXPECT_EQ(
        machine.output(), "MAIL FROM:<me@a.example> SIZE=1000\r\nRCPT TO:<x@b.example>\r\nDATA\r\n"
    );
}

TEST(ClientMachine, SmtpUtf8IsUsedWhenNeededAndOffered) {
    auto machine = opened({"SMTPUTF8", "8BITMIME", "PIPELINING"});
    auto transaction = to({"\xc3\xa4"});
    transaction.is_eight_bit = true;
    machine.start(transaction);
    EXPECT_EQ(
        machine.output(),
        "MAIL FROM:<me@a.example> BODY=8BITMIME SMTPUTF8\r\nRCPT "
        "TO:<\xc3\xa4@b.example>\r\nDATA\r\n"
    );
}

TEST(ClientMachine, RequireTlsIsSentWhereOfferedAndElseNothingIs) {
    auto machine = opened({"REQUIRETLS", "PIPELINING"});
    auto transaction = to({"x"});
    transaction.requires_tls = true;
    machine.start(transaction);
    EXPECT_EQ(
        machine.output(), "MAIL FROM:<me@a.example> REQUIRETLS\r\nRCPT TO:<x@b.example>\r\nDATA\r\n"
    );
    auto other = opened({"PIPELINING"});
    other.start(transaction);
    EXPECT_EQ(other.want(), Want::idle);
    EXPECT_EQ(other.output(), "");
    EXPECT_EQ(other.result().outcomes[0].status.text(), "5.7.30");
    EXPECT_EQ(other.result().outcomes[0].kind, mail::OutcomeKind::failed);
}

TEST(ClientMachine, WithoutSmtpUtf8OnlyThoseWhoNeedItFail) {
    auto machine = opened({"PIPELINING"});
    machine.start(to({"\xc3\xa4", "x"}));
    EXPECT_EQ(machine.output(), "MAIL FROM:<me@a.example>\r\nRCPT TO:<x@b.example>\r\nDATA\r\n");
    machine.received("250 ok\r\n450 later\r\n503 no\r\n");
    EXPECT_EQ(machine.result().outcomes[0].status.text(), "5.6.7");
    EXPECT_EQ(machine.result().outcomes[1].reply_code, 450);

    auto all = opened({"PIPELINING"});
    auto transaction = to({"x"});
    transaction.is_smtp_utf8 = true;
    all.start(transaction);
    EXPECT_EQ(all.want(), Want::idle);
    EXPECT_EQ(all.result().outcomes[0].status.text(), "5.6.7");
    EXPECT_EQ(
        all.result().outcomes[0].text,
        "the mail server does not accept internationalized mail addresses (it offers no SMTPUTF8), "
        "and an address in the message's header has other than ASCII characters"
    );
    transaction.sender = mail::Address("\xc3\xa4", "a.example");
    all.start(transaction);
    EXPECT_NE(all.result().outcomes[0].text.find("and the sender's address"), std::string::npos);
}

TEST(ClientMachine, UnsafeAddressesAreNeverWritten) {
    auto machine = opened({"PIPELINING"});
    auto transaction = to({"a\r\nRSET", "x", "b> <c"});
    machine.start(transaction);
    EXPECT_EQ(machine.output(), "MAIL FROM:<me@a.example>\r\nRCPT TO:<x@b.example>\r\nDATA\r\n");
    machine.closed("");
    EXPECT_EQ(machine.result().outcomes[0].status.text(), "5.1.3");
    EXPECT_EQ(machine.result().outcomes[1].kind, mail::OutcomeKind::deferred);
    EXPECT_EQ(machine.result().outcomes[2].status.text(), "5.1.3");

    auto bad_sender = opened({});
    transaction = to({"x"});
    transaction.sender = mail::Address("a\n", "b");
    bad_sender.start(transaction);
    EXPECT_EQ(bad_sender.output(), "");
    EXPECT_EQ(bad_sender.result().outcomes[0].status.text(), "5.1.7");
}

TEST(ClientMachine, RefusedParametersAreLeftOutOnceAndForAll) {
    for (const std::string refusal :
         {"555 5.5.4 what?",
          "555 5.1.7 what?",
          "501 5.5.4 what?",
          "501 5.0.0 what?",
          "501 what?"}) {
        auto machine = opened({"SIZE", "PIPELINING", "DSN"});
        auto transaction = to({"x"});
        transaction.dsn_return = mail::DsnReturn::headers;
        machine.start(transaction);
        EXPECT_TRUE(take_output(machine).starts_with("MAIL FROM:<me@a.example> SIZE=6 RET=HDRS\r\n")
        );
        machine.received(refusal + "\r\n503 no\r\n503 no\r\n");
        EXPECT_EQ(
            take_output(machine), "MAIL FROM:<me@a.example>\r\nRCPT TO:<x@b.example>\r\nDATA\r\n"
        );
        machine.received("250 ok\r\n550 no\r\n503 no\r\n");
        EXPECT_EQ(machine.result().outcomes[0].reply_code, 550);
        machine.start(transaction);
        EXPECT_TRUE(take_output(machine).starts_with("RSET\r\nMAIL FROM:<me@a.example>\r\n"))
            << refusal;
    }
}

// RFC 3461 4: the others' NOTIFY=NEVER must not get lost.
TEST(ClientMachine, ASenderThatIsRefusedCostsTheNextMessageNoParameters) {
    for (const std::string refusal : {"501 bad address", "555 5.5.4 bad address"}) {
        auto machine = opened({"SIZE", "PIPELINING", "DSN"});
        auto transaction = to({"x"});
        transaction.recipients[0].notify = static_cast<mail::NotifySet>(mail::Notify::never);
        machine.start(transaction);
        machine.output().clear();
        machine.received(refusal + "\r\n503 no\r\n503 no\r\n");
        EXPECT_EQ(
            take_output(machine), "MAIL FROM:<me@a.example>\r\nRCPT TO:<x@b.example>\r\nDATA\r\n"
        );
        machine.received(refusal + "\r\n503 no\r\n503 no\r\n");
        EXPECT_EQ(machine.want(), Want::idle);
        EXPECT_EQ(machine.result().outcomes[0].kind, mail::OutcomeKind::failed);
        machine.start(transaction);
        EXPECT_EQ(
            take_output(machine),
            "MAIL FROM:<me@a.example> SIZE=6\r\nRCPT TO:<x@b.example> NOTIFY=NEVER\r\nDATA\r\n"
        ) << refusal;
    }
}

TEST(ClientMachine, A501ThatIsNotAboutSyntaxIsFinal) {
    auto machine = opened({"SIZE", "PIPELINING", "DSN"});
    machine.start(to({"x"}));
    machine.output().clear();
    machine.received("501 5.1.7 Bad sender address syntax\r\n503 no\r\n503 no\r\n");
    EXPECT_EQ(machine.want(), Want::idle);
    EXPECT_EQ(machine.output(), "");
    EXPECT_EQ(machine.result().outcomes[0].status.text(), "5.1.7");
    machine.start(to({"y"}));
    EXPECT_TRUE(take_output(machine).starts_with("MAIL FROM:<me@a.example> SIZE=6\r\n"));
}

TEST(ClientMachine, WhoeverGetsTheDsnParametersHasTheDutyToReport) {
    auto transaction = to({"x"});
    transaction.recipients[0].notify = static_cast<mail::NotifySet>(mail::Notify::success);
    const auto report_of = [&](auto machine, const std::string& recipient_line) {
        machine.start(transaction);
        const std::string before = take_output(machine);
        EXPECT_TRUE(before.find(recipient_line + "\r\n") != std::string::npos) << before;
        machine.received("250 ok\r\n250 ok\r\n354 go\r\n");
        EXPECT_TRUE(machine.content("abcd\r\n") && machine.content_end());
        machine.received("250 ok\r\n");
        EXPECT_EQ(machine.result().outcomes[0].kind, mail::OutcomeKind::delivered);
        return machine.result().outcomes[0].success;
    };
    EXPECT_EQ(
        report_of(opened({"PIPELINING", "DSN"}), "RCPT TO:<x@b.example> NOTIFY=SUCCESS"),
        mail::SuccessReport::passed_on
    );
    EXPECT_EQ(report_of(opened({"PIPELINING"}), "RCPT TO:<x@b.example>"), mail::SuccessReport::due);
}

TEST(ClientMachine, AServerThatRefusesTheParametersItOffersLeavesUsTheDuty) {
    auto machine = opened({"PIPELINING", "DSN"});
    auto transaction = to({"x"});
    transaction.envelope_id = "QQ1";
    transaction.recipients[0].notify = static_cast<mail::NotifySet>(mail::Notify::success);
    machine.start(transaction);
    machine.output().clear();
    machine.received("501 5.5.4 what?\r\n503 no\r\n503 no\r\n");
    EXPECT_EQ(
        take_output(machine), "MAIL FROM:<me@a.example>\r\nRCPT TO:<x@b.example>\r\nDATA\r\n"
    );
    machine.received("250 ok\r\n250 ok\r\n354 go\r\n");
    EXPECT_TRUE(machine.content("abcd\r\n") && machine.content_end());
    machine.received("250 ok\r\n");
    EXPECT_EQ(machine.result().outcomes[0].success, mail::SuccessReport::due);
}

TEST(ClientMachine, RetryWithoutParametersSurvivesAServerThatSaid354) {
    auto machine = opened({"SIZE", "PIPELINING"});
    machine.start(to({"x"}));
    machine.output().clear();
    machine.received("555 what?\r\n250 odd\r\n354 odd\r\n");
    EXPECT_EQ(take_output(machine), ".\r\n");
    machine.received("554 nothing\r\n");
    EXPECT_EQ(
        take_output(machine), "MAIL FROM:<me@a.example>\r\nRCPT TO:<x@b.example>\r\nDATA\r\n"
    );
    machine.received("250 ok\r\n250 ok\r\n354 go\r\n");
    EXPECT_TRUE(machine.content("abcd\r\n") && machine.content_end());
    machine.received("250 ok\r\n");
    EXPECT_EQ(machine.result().outcomes[0].kind, mail::OutcomeKind::delivered);
}

TEST(ClientMachine, LearnsHowManyRecipientsTheServerTakes) {
    auto machine = opened({"PIPELINING"});
    EXPECT_EQ(machine.max_recipients(), 100U);
    machine.start(to({"a", "b", "c", "d"}));
    machine.received(
        "250 ok\r\n250 ok\r\n250 ok\r\n452 4.5.3 too many\r\n452 4.5.3 too many\r\n354 go\r\n"
    );
    EXPECT_EQ(machine.max_recipients(), 2U);
    machine.output().clear();
    EXPECT_TRUE(machine.content("abcd\r\n") && machine.content_end());
    machine.received("250 ok\r\n");
    const auto result = machine.result();
    EXPECT_EQ(result.outcomes[1].kind, mail::OutcomeKind::delivered);
    EXPECT_EQ(result.outcomes[2].kind, mail::OutcomeKind::deferred);
    EXPECT_EQ(result.outcomes[3].status.text(), "4.5.3");
    EXPECT_TRUE(result.is_session_usable);
}

TEST(ClientMachine, AFullMailboxIsNoLimitOfRecipients) {
    auto machine = opened({"PIPELINING"});
    machine.start(to({"a", "b"}));
    machine.received("250 ok\r\n250 ok\r\n452 4.2.2 full\r\n354 go\r\n");
    EXPECT_EQ(machine.max_recipients(), 100U);
}

TEST(ClientMachine, KeepsToTheLimitsOfTheServer) {
    auto machine = opened({"LIMITS RCPTMAX=2 MAILMAX=1", "PIPELINING"});
    EXPECT_EQ(machine.max_recipients(), 2U);
    go_to_content(machine, to({"x"}));
    EXPECT_TRUE(machine.content("abcd\r\n") && machine.content_end());
    machine.received("250 ok\r\n");
    EXPECT_EQ(machine.want(), Want::idle);
    EXPECT_FALSE(machine.result().is_session_usable);
}

TEST(ClientMachine, AnyOctetWhileIdleEndsTheSession) {
    auto machine = opened({});
    machine.received("421 4.4.2 idle for too long\r\n");
    EXPECT_EQ(machine.want(), Want::finished);
    EXPECT_EQ(machine.trouble()->text, "4.4.2 idle for too long");
    auto other = opened({});
    other.received("2");
    EXPECT_EQ(other.want(), Want::finished);
    EXPECT_EQ(other.trouble()->status.text(), "4.5.0");
}

TEST(ClientMachine, AWarmSessionThatIsGoneIsStale) {
    for (const std::string first : {"", "421 4.7.0 last message of this connection\r\n"}) {
        for (const bool is_warm : {false, true}) {
            auto machine = opened({"PIPELINING"});
            if (is_warm) {
                go_to_content(machine, to({"x"}));
                EXPECT_TRUE(machine.content("abcd\r\n") && machine.content_end());
                machine.received("250 ok\r\n");
            }
            machine.start(to({"y"}));
            machine.received(first);
            machine.closed("");
            EXPECT_EQ(machine.result().is_session_stale, is_warm);
            EXPECT_TRUE(machine.result().may_try_next_host);
        }
    }
}

TEST(ClientMachine, LossAfterTheFirstReplyIsNotStale) {
    auto machine = opened({"PIPELINING"});
    go_to_content(machine, to({"x"}));
    EXPECT_TRUE(machine.content("abcd\r\n") && machine.content_end());
    machine.received("250 ok\r\n");
    machine.start(to({"y"}));
    machine.received("250 ok\r\n");
    machine.closed("");
    EXPECT_FALSE(machine.result().is_session_stale);
    EXPECT_TRUE(machine.result().may_try_next_host);
}

TEST(ClientMachine, EachStepHasItsTimeout) {
    using std::chrono::minutes;
    ClientMachine machine{ClientSettings("me.example")};
    EXPECT_EQ(machine.timeout(), minutes(5));
    EXPECT_EQ(machine.waiting_for(), "the greeting");
    machine.received("220 mx\r\n");
    EXPECT_EQ(machine.timeout(), minutes(5));
    machine.received("250-mx\r\n250 PIPELINING\r\n");
    machine.start(to({"x"}));
    EXPECT_EQ(machine.waiting_for(), "the reply to MAIL");
    EXPECT_EQ(machine.reply_count(), 2U);
    machine.received("250 ok\r\n25");
    EXPECT_EQ(machine.reply_count(), 3U);
    EXPECT_EQ(machine.waiting_for(), "the reply to RCPT");
    machine.received("0 ok\r\n");
    EXPECT_EQ(machine.timeout(), minutes(2));
    EXPECT_EQ(machine.waiting_for(), "the reply to DATA");
    machine.received("354 go\r\n");
    EXPECT_EQ(machine.timeout(), minutes(3));
    EXPECT_TRUE(machine.content("abcd\r\n") && machine.content_end());
    EXPECT_EQ(machine.timeout(), minutes(10));
    EXPECT_EQ(machine.waiting_for(), "the reply to the message");
}

TEST(ClientMachine, ABadHeloNameIsNotSent) {
    ClientMachine machine{ClientSettings("me\r\nMAIL FROM:<x@y>")};
    machine.received("220 mx\r\n");
    EXPECT_EQ(machine.output(), "QUIT\r\n");
    EXPECT_EQ(machine.trouble()->status.text(), "4.3.5");
}

TEST(ClientMachine, TellsTheDialogueWithoutTheContent) {
    test::TranscriptDialogue dialogue;
    auto machine = opened({"PIPELINING"}, &dialogue);
    go_to_content(machine, to({"x"}));
    EXPECT_TRUE(machine.content("abcd\r\n") && machine.content_end());
    machine.received("250 2.0.0 ok\r\n");
    EXPECT_EQ(
        dialogue.lines,
        (std::vector<std::string>{
            "S: 220 mx",
            "C: EHLO me.example",
            "S: 250-mx",
            "S: 250-PIPELINING",
            "S: 250 HELP",
            "C: MAIL FROM:<me@a.example>",
            "C: RCPT TO:<x@b.example>",
            "C: DATA",
            "S: 250 ok",
            "S: 250 ok",
            "S: 354 go",
            "C: (6 octets of content)",
            "C: .",
            "S: 250 2.0.0 ok"})
    );
}

}  // namespace
}  // namespace mxpost::protocol
