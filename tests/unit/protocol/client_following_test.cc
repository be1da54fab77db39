// Two messages under way, and BDAT: what the scripts of client_dialogue_test.cc don't show.
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/client_machine.h"
#include "support/scripted_peer.h"

namespace mxpost::protocol {
namespace {

using Want = ClientMachine::Want;

ClientSettings in_clear() {
    ClientSettings settings("me.example");
    settings.start_tls = StartTls::never;
    return settings;
}

/// A machine that is idle behind an EHLO with these keywords.
class Opened final : public ClientMachine {
public:
    explicit Opened(
        const std::vector<std::string>& keywords,
        Dialogue* dialogue = nullptr,
        const ClientSettings& settings = in_clear()
    )
        : ClientMachine(settings, dialogue) {
        std::string reply = "250-mx\r\n";
        for (const auto& keyword : keywords) {
            reply += "250-" + keyword + "\r\n";
        }
        const bool is_lmtp = settings.dialect == Dialect::lmtp;
        received("220 mx\r\n");
        EXPECT_EQ(take(), is_lmtp ? "LHLO me.example\r\n" : "EHLO me.example\r\n");
        received(reply + "250 HELP\r\n");
        EXPECT_EQ(want(), Want::idle);
    }

    std::string take() {
        std::string bytes = output();
        output_written();
        return bytes;
    }
};

Transaction to(const std::vector<std::string>& locals, std::uint64_t size = 6) {
    Transaction transaction(mail::Address("me", "a.example"), {});
    for (const auto& local : locals) {
        transaction.recipients.emplace_back(mail::Address(local, "b.example"));
    }
    transaction.content_size = size;
    return transaction;
}

constexpr std::string_view kGo = "250 ok\r\n250 ok\r\n354 go\r\n";

/// Up to the end of the first message's content, which is not written.
void go_to_end(Opened& machine, Dialogue* dialogue = nullptr) {
    machine.start(to({"x"}), dialogue);
    machine.take();
    machine.received(kGo);
    ASSERT_TRUE(machine.content(".bcd\r\n") && machine.content_end());
}

TEST(Following, GoesOutInTheSameWriteAsTheContent) {
    Opened machine({"PIPELINING"});
    go_to_end(machine);
    EXPECT_TRUE(machine.may_follow());
    machine.start(to({"y"}));
    EXPECT_FALSE(machine.may_follow());
    EXPECT_EQ(
        machine.take(),
        "..bcd\r\n.\r\nMAIL FROM:<me@a.example>\r\nRCPT TO:<y@b.example>\r\nDATA\r\n"
    );
    EXPECT_EQ(machine.waiting_for(), "the reply to the message");
    EXPECT_FALSE(machine.take_finished());
    machine.received("250 one\r\n");
    const auto first = machine.take_finished();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->transaction.recipients[0].address.text(), "x@b.example");
    EXPECT_EQ(first->result.outcomes[0].text, "one");
    EXPECT_EQ(first->result.outcomes[0].step, mail::Step::content);
    EXPECT_TRUE(first->result.is_session_usable);
    EXPECT_FALSE(machine.take_finished());
    EXPECT_EQ(machine.waiting_for(), "the reply to MAIL");
    machine.received(kGo);
    ASSERT_TRUE(machine.content("abcd\r\n") && machine.content_end());
    EXPECT_TRUE(machine.may_follow());  // and so on
}

TEST(Following, OnlyWhereTheContentsLastOctetIsNotWrittenYet) {
    Opened machine({"PIPELINING"});
    EXPECT_FALSE(machine.may_follow());
    go_to_end(machine);
    machine.take();
    EXPECT_FALSE(machine.may_follow());
    EXPECT_THROW(machine.start(to({"y"})), std::logic_error);
}

TEST(Following, OnlyWithPipeliningAndWithinTheLimitOfMessages) {
    Opened plain(std::vector<std::string>{});
    plain.start(to({"x"}));
    plain.received("250 ok\r\n");
    plain.received("250 ok\r\n");
    plain.received("354 ok\r\n");
    ASSERT_TRUE(plain.content("abcd\r\n") && plain.content_end());
    EXPECT_FALSE(plain.may_follow());

    Opened last({"PIPELINING", "LIMITS MAILMAX=2"});
    go_to_end(last);
    EXPECT_TRUE(last.may_follow());
    last.start(to({"y"}));
    last.take();
    last.received("250 one\r\n" + std::string(kGo));
    ASSERT_TRUE(last.take_finished());
    ASSERT_TRUE(last.content("abcd\r\n") && last.content_end());
    EXPECT_FALSE(last.may_follow());
}

TEST(Following, NotBehindLmtpWithItsManyReplies) {
    auto settings = in_clear();
    settings.dialect = Dialect::lmtp;
    Opened machine({"PIPELINING", "CHUNKING"}, nullptr, settings);
    go_to_end(machine);
    EXPECT_FALSE(machine.may_follow());
}

TEST(Following, EachMessageHasItsOwnLinesAndTheSessionTheRest) {
    test::TranscriptDialogue session;
    test::TranscriptDialogue first;
    test::TranscriptDialogue second;
    Opened machine({"PIPELINING"}, &session);
    go_to_end(machine, &first);
    machine.start(to({"y"}), &second);
    machine.take();
    machine.received("250 one\r\n250 ok\r\n550 no\r\n");
    machine.closed("");
    EXPECT_EQ(session.lines.back(), "S: 250 HELP");
    EXPECT_EQ(
        first.lines,
        (std::vector<std::string>{
            "C: MAIL FROM:<me@a.example>",
            "C: RCPT TO:<x@b.example>",
            "C: DATA",
            "S: 250 ok",
            "S: 250 ok",
            "S: 354 go",
            "C: (6 octets of content)",
            "C: .",
            "S: 250 one"})
    );
    EXPECT_EQ(
        second.lines,
        (std::vector<std::string>{
            "C: MAIL FROM:<me@a.example>",
            "C: RCPT TO:<y@b.example>",
            "C: DATA",
            "S: 250 ok",
            "S: 550 no",
            "N: connection lost while waiting for the reply to DATA"})
    );
}

TEST(Following, AnUnattemptedMessageHasNoDecisionNotEvenOurOwn) {
    Opened machine({"PIPELINING"});
    go_to_end(machine);
    machine.start(to({"y", "not\nsafe"}));
    machine.take();
    machine.received("421 4.3.2 bye\r\n");
    const auto first = machine.take_finished();
    const auto second = machine.take_finished();
    ASSERT_TRUE(first && second);
    EXPECT_FALSE(first->result.is_unattempted);
    EXPECT_TRUE(first->result.may_try_next_host);
    EXPECT_TRUE(second->result.is_unattempted);
    for (const auto& outcome : second->result.outcomes) {
        EXPECT_EQ(outcome.kind, mail::OutcomeKind::deferred);
    }
}

TEST(Following, RefusalOfTheFirstIsNoneOfTheSecond) {
    Opened machine({"PIPELINING"});
    go_to_end(machine);
    machine.start(to({"y"}));
    const std::size_t written = std::string_view("..bcd\r\n").size();
    machine.write_failed("reset", written, "552 5.3.4 too big\r\n");
    const auto first = machine.take_finished();
    const auto second = machine.take_finished();
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->result.outcomes[0].kind, mail::OutcomeKind::failed);
    EXPECT_EQ(second->result.outcomes[0].kind, mail::OutcomeKind::deferred);
    EXPECT_TRUE(second->result.is_unattempted);
}

TEST(Following, TheFirstsReplyCountsWhereOnlyTheSecondWasCut) {
    for (const bool has_end : {true, false}) {
        Opened machine({"PIPELINING"});
        go_to_end(machine);
        const std::size_t end = machine.output().size();
        machine.start(to({"y"}));
        machine.write_failed("reset", has_end ? end : end - 1, "250 taken\r\n");
        const auto first = machine.take_finished();
        ASSERT_TRUE(first);
        EXPECT_EQ(first->result.outcomes[0].kind == mail::OutcomeKind::delivered, has_end);
        EXPECT_EQ(first->result.may_try_next_host, !has_end);
        EXPECT_TRUE(machine.take_finished()->result.is_unattempted);
    }
}

TEST(Following, AMessageForNobodyEndsInItsTurn) {
    Opened machine({"PIPELINING"});
    go_to_end(machine);
    machine.start(to({"a> <b"}));
    EXPECT_EQ(machine.take(), "..bcd\r\n.\r\n");
    EXPECT_FALSE(machine.take_finished());
    machine.received("250 one\r\n");
    EXPECT_EQ(machine.want(), Want::idle);
    EXPECT_EQ(machine.take_finished()->result.outcomes[0].text, "one");
    EXPECT_EQ(machine.take_finished()->result.outcomes[0].status.text(), "5.1.3");
    EXPECT_TRUE(machine.is_ready());
}

TEST(Following, BadContentOfTheSecondLeavesTheFirstAlone) {
    Opened machine({"PIPELINING"});
    go_to_end(machine);
    machine.start(to({"y"}));
    machine.take();
    machine.received("250 one\r\n" + std::string(kGo));
    EXPECT_FALSE(machine.content("a\nb\r\n"));
    EXPECT_EQ(machine.take_finished()->result.outcomes[0].kind, mail::OutcomeKind::delivered);
    const auto second = machine.take_finished();
    EXPECT_TRUE(second->result.is_content_bad);
    EXPECT_FALSE(second->result.is_unattempted);
}

TEST(Following, ParametersThatTheSecondFindsRefusedAreLeftOut) {
    Opened machine({"PIPELINING", "DSN"});
    go_to_end(machine);
    auto second = to({"y"});
    second.dsn_return = mail::DsnReturn::full;
    machine.start(second);
    machine.take();
    machine.received("250 one\r\n501 what?\r\n503 no\r\n503 no\r\n");
    EXPECT_EQ(machine.take(), "MAIL FROM:<me@a.example>\r\nRCPT TO:<y@b.example>\r\nDATA\r\n");
}

TEST(Following, AServerThatLostAPartOfTheSecondHasNotRefusedIt) {
    for (const std::string reply :
         {"500 unrecognised command",
          "502 5.5.1 what?",
          "503 5.5.1 out of order",
          "554 5.5.0 synchronise"}) {
        Opened machine({"PIPELINING"});
        go_to_end(machine);
        machine.start(to({"y"}));
        machine.take();
        machine.received("250 one\r\n" + reply + "\r\n");
        EXPECT_EQ(machine.take_finished()->result.outcomes[0].kind, mail::OutcomeKind::delivered);
        EXPECT_TRUE(machine.take_finished()->result.is_unattempted) << reply;
        EXPECT_TRUE(machine.was_desynchronised());
    }
}

TEST(Following, ARefusedSenderIsRefusedBehindAnotherMessageToo) {
    Opened machine({"PIPELINING"});
    go_to_end(machine);
    machine.start(to({"y"}));
    machine.take();
    machine.received("250 one\r\n554 5.7.1 not from you\r\n503 no\r\n503 no\r\n");
    (void)machine.take_finished();
    const auto second = machine.take_finished();
    ASSERT_TRUE(second);
    EXPECT_FALSE(second->result.is_unattempted);
    EXPECT_EQ(second->result.outcomes[0].kind, mail::OutcomeKind::failed);
}

// BDAT

const std::vector<std::string> kChunking = {"PIPELINING", "CHUNKING"};

TEST(Bdat, LeavesDotsAloneAndCountsOctets) {
    Opened machine(kChunking);
    machine.start(to({"x"}));
    EXPECT_TRUE(machine.must_hold_output());
    ASSERT_TRUE(machine.content(".\r\n.\r\n") && machine.content_end());
    EXPECT_EQ(
        machine.take(),
        "MAIL FROM:<me@a.example>\r\nRCPT TO:<x@b.example>\r\nBDAT 6 LAST\r\n.\r\n.\r\n"
    );
    EXPECT_FALSE(machine.may_follow());
    machine.received("250 ok\r\n250 ok\r\n250 2.6.0 taken\r\n");
    EXPECT_EQ(machine.result().outcomes[0].text, "2.6.0 taken");
    EXPECT_EQ(machine.want(), Want::idle);
}

TEST(Bdat, BadContentNeverLeaves) {
    struct Bad {
        std::string content;
        std::uint64_t size;
    };
    const std::vector<Bad> all = {
        {"a\nb\r\n", 5},
        {"a\rb\r\n", 5},
        {std::string("a\0\r\n", 4), 4},
        {"a\r\nlonger\r\n", 3},
        {"a\r\n", 30},
        {"a\r\nb", 4},
        {std::string(999, 'x') + "\r\n", 1001},
    };
    for (const auto& bad : all) {
        Opened machine(kChunking);
        machine.start(to({"x"}, bad.size));
        if (machine.content(bad.content)) {
            EXPECT_FALSE(machine.content_end());
        }
        EXPECT_EQ(machine.output(), "") << bad.content;
        EXPECT_TRUE(machine.result().is_content_bad);
        EXPECT_FALSE(machine.result().may_try_next_host);
    }
}

TEST(Bdat, LargeContentComesWhenARecipientWasTaken) {
    const std::uint64_t size = Exchange::kMaxContentWithCommands + 2;
    Opened machine(kChunking);
    machine.start(to({"x", "y"}, size));
    EXPECT_EQ(
        machine.take(),
        "MAIL FROM:<me@a.example>\r\nRCPT TO:<x@b.example>\r\nRCPT TO:<y@b.example>\r\n"
    );
    machine.received("250 ok\r\n550 no\r\n250 ok\r\n");
    EXPECT_EQ(machine.want(), Want::content);
    EXPECT_FALSE(machine.must_hold_output());
    EXPECT_EQ(machine.take(), "BDAT 65538 LAST\r\n");
    for (std::uint64_t sent = 0; sent < size; sent += 2) {
        ASSERT_TRUE(machine.content("\r\n"));
    }
    ASSERT_TRUE(machine.content_end());
    EXPECT_EQ(machine.take().size(), size);
    EXPECT_EQ(machine.waiting_for(), "the reply to the message");
    machine.received("250 taken\r\n");
    EXPECT_EQ(machine.result().outcomes[0].kind, mail::OutcomeKind::failed);
    EXPECT_EQ(machine.result().outcomes[1].kind, mail::OutcomeKind::delivered);

    machine.start(to({"x"}, size));
    machine.take();
    machine.received("250 ok\r\n450 later\r\n");
    EXPECT_EQ(machine.want(), Want::idle);
    machine.start(to({"x"}, size));
    EXPECT_TRUE(machine.take().starts_with("RSET\r\nMAIL FROM:"));
}

/// BDAT and the first of its content are out.
void begin_large_content(Opened& machine) {
    machine.start(to({"x"}, Exchange::kMaxContentWithCommands + 2));
    machine.take();
    machine.received("250 ok\r\n250 ok\r\n");
    machine.take();
    ASSERT_TRUE(machine.content("\r\n"));
}

TEST(Bdat, RefusalInTheMiddleOfLargeContentCounts) {
    Opened machine(kChunking);
    begin_large_content(machine);
    machine.received("552 5.3.4 enough\r\n");
    EXPECT_EQ(machine.want(), Want::finished);
    EXPECT_EQ(machine.result().outcomes[0].kind, mail::OutcomeKind::failed);
    EXPECT_EQ(machine.result().outcomes[0].text, "5.3.4 enough");
}

TEST(Bdat, AServerThatDoesNotKnowItHasRefusedNoContent) {
    Opened machine(kChunking);
    begin_large_content(machine);
    machine.received("502 5.5.1 what?\r\n");
    EXPECT_EQ(machine.want(), Want::finished);
    EXPECT_EQ(machine.result().outcomes[0].kind, mail::OutcomeKind::deferred);
}

TEST(Bdat, LossBehindTheContentIsAmbiguousWhateverRepliesAreMissing) {
    for (const std::string heard : {"", "250 ok\r\n", "250 ok\r\n250 ok\r\n"}) {
        for (const bool is_refused : {false, true}) {
            Opened machine(kChunking);
            machine.start(to({"x", "y"}));
            ASSERT_TRUE(machine.content("abcd\r\n") && machine.content_end());
            machine.take();
            machine.received(heard);
            // 421 says that it wasn't taken.
            is_refused ? machine.received("421 bye\r\n") : machine.closed("");
            EXPECT_EQ(machine.result().outcomes[0].kind, mail::OutcomeKind::deferred);
            EXPECT_EQ(machine.result().may_try_next_host, is_refused) << heard;
        }
    }
    Opened machine(kChunking);
    machine.start(to({"x", "y"}));
    ASSERT_TRUE(machine.content("abcd\r\n") && machine.content_end());
    const std::size_t size = machine.output().size();
    machine.write_failed("reset", size - 1, "250 ok\r\n550 no\r\n250 ok\r\n250 taken?\r\n");
    EXPECT_EQ(machine.result().outcomes[0].kind, mail::OutcomeKind::failed);
    EXPECT_EQ(machine.result().outcomes[1].kind, mail::OutcomeKind::deferred);
    EXPECT_TRUE(machine.result().may_try_next_host);
}

TEST(Bdat, IsNotUsedWhereItIsNotOfferedWithPipeliningOrNotAllowed) {
    auto never = in_clear();
    never.may_chunk = false;
    for (auto* machine :
         {new Opened({"CHUNKING"}),
          new Opened({"PIPELINING"}),
          new Opened(kChunking, nullptr, never)}) {
        const std::unique_ptr<Opened> owned(machine);
        machine->start(to({"x"}));
        machine->take();
        machine->received("250 ok\r\n");
        machine->take();
        machine->received("250 ok\r\n");
        if (machine->want() == Want::read) {
            machine->received("354 go\r\n");
        }
        ASSERT_TRUE(machine->content(".bcd\r\n") && machine->content_end());
        EXPECT_TRUE(machine->take().ends_with("..bcd\r\n.\r\n"));
    }
}

TEST(Bdat, RefusalOfTheSenderIsNotLostBehindTheContent) {
    Opened machine(kChunking);
    machine.start(to({"x"}));
    ASSERT_TRUE(machine.content("abcd\r\n") && machine.content_end());
    machine.take();
    machine.received("550 5.7.1 not you\r\n");
    machine.closed("");
    EXPECT_EQ(machine.result().outcomes[0].kind, mail::OutcomeKind::failed);
    EXPECT_EQ(machine.result().outcomes[0].step, mail::Step::mail);
    EXPECT_FALSE(machine.is_bdat_refused());
}

TEST(Bdat, TellsTheDialogueItsSize) {
    test::TranscriptDialogue dialogue;
    Opened machine(kChunking);
    machine.start(to({"x"}), &dialogue);
    ASSERT_TRUE(machine.content("abcd\r\n") && machine.content_end());
    EXPECT_EQ(dialogue.lines[2], "C: BDAT 6 LAST");
    EXPECT_EQ(dialogue.lines[3], "C: (6 octets of content)");
}

// Steps

TEST(Steps, SayWhatWasAnsweredOrAwaited) {
    Opened machine({"PIPELINING"});
    machine.start(to({"x", "y", "z"}));
    machine.received("250 ok\r\n550 no\r\n250 ok\r\n250 ok\r\n452 full\r\n");
    EXPECT_EQ(machine.result().outcomes[0].step, mail::Step::recipient);
    EXPECT_EQ(machine.result().outcomes[1].step, mail::Step::data);
    machine.start(to({"x"}));
    machine.received("250 reset\r\n");
    machine.closed("");
    EXPECT_EQ(machine.result().outcomes[0].step, mail::Step::mail);
    EXPECT_EQ(machine.trouble()->step, mail::Step::mail);

    ClientMachine greeted(in_clear());
    greeted.received("554 no\r\n");
    EXPECT_EQ(greeted.trouble()->step, mail::Step::greeting);
    ClientMachine hello(in_clear());
    hello.received("220 mx\r\n");
    hello.received("550 no\r\n");
    hello.received("550 no\r\n");
    EXPECT_EQ(hello.trouble()->step, mail::Step::hello);
    ClientMachine secured{ClientSettings("me.example")};
    secured.received("220 mx\r\n");
    secured.received("250-mx\r\n250 STARTTLS\r\n");
    secured.received("220 go\r\n");
    secured.tls_failed("no");
    EXPECT_EQ(secured.trouble()->step, mail::Step::start_tls);
}

}  // namespace
}  // namespace mxpost::protocol
