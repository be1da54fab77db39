// What of the server depends on time, order and settings; whole dialogues are in
// server_dialogue_test.cc.
#include "protocol/server_machine.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/recording_reception.h"

namespace mxpost::protocol {
namespace {

using test::RecordingReception;
using test::ServerSession;
using testing::EndsWith;
using testing::HasSubstr;
using Want = ServerMachine::Want;

constexpr const char* kMail =
    "EHLO me\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nRCPT TO:<c@y.test>\r\n";

ServerSettings settings() {
    return ServerSettings("mx.test");
}

/// A session whose commits and handshakes the test itself reports.
struct Held {
    explicit Held(ServerSettings given = settings()) : machine(std::move(given), reception) {
        machine.greet();
    }
    std::string said() { return std::exchange(machine.output(), {}); }

    RecordingReception reception;
    ServerMachine machine;
};

TEST(ServerMachine, AnEarlyTalkerIsNotServed) {
    RecordingReception reception;
    ServerMachine machine(settings(), reception);
    EXPECT_EQ(machine.want(), Want::read);
    EXPECT_EQ(machine.output(), "");
    machine.received("EHLO me\r\n");
    EXPECT_EQ(machine.want(), Want::finished);
    EXPECT_EQ(machine.output(), "554 5.5.1 mx.test you spoke before the greeting\r\n");
    machine.greet();
    EXPECT_EQ(machine.want(), Want::finished);
}

TEST(ServerMachine, CanTurnAClientAway) {
    RecordingReception reception;
    ServerMachine machine(settings(), reception);
    machine.turn_away({421, "4.7.0 mx.test too many connections"});
    EXPECT_EQ(machine.want(), Want::finished);
    EXPECT_EQ(machine.output(), "421 4.7.0 mx.test too many connections\r\n");
}

TEST(ServerMachine, WhatComesDuringACommitWaits) {
    Held session;
    session.machine.received(std::string(kMail) + "DATA\r\nx\r\n.\r\nNOOP\r\nQUI");
    EXPECT_THAT(session.said(), EndsWith("354 end the message with a line that is a dot\r\n"));
    EXPECT_EQ(session.machine.want(), Want::commit);
    session.machine.received("T\r\nNOOP\r\n");
    session.machine.timed_out();
    EXPECT_EQ(session.said(), "");
    EXPECT_FALSE(session.reception.commit());
    session.machine.committed("2.0.0 queued as 1");
    EXPECT_EQ(session.said(), "250 2.0.0 queued as 1\r\n250 2.0.0 ok\r\n221 2.0.0 mx.test bye\r\n");
    EXPECT_EQ(session.machine.want(), Want::finished);
    EXPECT_EQ(session.machine.message_count(), 1U);
}

TEST(ServerMachine, ARefusedCommitIsNotCounted) {
    Held session;
    session.machine.received(std::string(kMail) + "DATA\r\nx\r\n.\r\n");
    session.said();
    EXPECT_FALSE(session.reception.commit());
    session.machine.refused({451, "4.3.0 no room"});
    EXPECT_EQ(session.said(), "451 4.3.0 no room\r\n");
    EXPECT_EQ(session.machine.want(), Want::read);
    EXPECT_EQ(session.machine.message_count(), 0U);
    session.machine.received("RCPT TO:<b@y.test>\r\n");
    EXPECT_EQ(session.said(), "503 5.5.1 MAIL comes first\r\n");
}

TEST(ServerMachine, ShuttingDownWaitsForACommit) {
    Held session;
    session.machine.received(std::string(kMail) + "DATA\r\nx\r\n.\r\nNOOP\r\n");
    session.said();
    session.machine.shut_down();
    EXPECT_EQ(session.machine.want(), Want::commit);
    EXPECT_FALSE(session.reception.commit());
    session.machine.committed("2.0.0 queued");
    EXPECT_EQ(session.said(), "250 2.0.0 queued\r\n421 4.3.2 mx.test is shutting down\r\n");
    EXPECT_EQ(session.machine.want(), Want::finished);
}

TEST(ServerMachine, ShuttingDownAndTimeoutsGiveUpAMessage) {
    for (const bool is_timeout : {false, true}) {
        Held session;
        session.machine.received(std::string(kMail) + "DATA\r\nx\r\n");
        session.said();
        is_timeout ? session.machine.timed_out() : session.machine.shut_down();
        EXPECT_EQ(
            session.said(),
            is_timeout ? "421 4.4.2 mx.test timeout\r\n" : "421 4.3.2 mx.test is shutting down\r\n"
        );
        EXPECT_EQ(session.machine.want(), Want::finished);
        EXPECT_EQ(session.machine.was_cut_off(), is_timeout);
        EXPECT_TRUE(session.reception.mails.at(0).is_abandoned);
    }
}

TEST(ServerMachine, AClientThatGoesDuringACommitGetsNoMore) {
    Held session;
    session.machine.received(std::string(kMail) + "DATA\r\nx\r\n.\r\n");
    session.machine.closed();
    EXPECT_EQ(session.machine.want(), Want::commit);
    EXPECT_FALSE(session.reception.commit());
    session.machine.committed("2.0.0 queued");
    EXPECT_EQ(session.machine.want(), Want::finished);
    EXPECT_FALSE(session.machine.was_cut_off());
}

TEST(ServerMachine, TlsForgetsHelloAndTransaction) {
    ServerSettings given = settings();
    given.offers_start_tls = true;
    Held session(given);
    session.machine.received(std::string(kMail) + "STARTTLS\r\n");
    EXPECT_THAT(session.said(), EndsWith("\r\n220 2.0.0 go ahead\r\n"));
    EXPECT_EQ(session.machine.want(), Want::start_tls);
    session.machine.tls_established();
    EXPECT_TRUE(session.machine.is_tls());
    session.machine.received("MAIL FROM:<a@x.test>\r\nEHLO me\r\nSTARTTLS\r\nRCPT TO:<b@y.test>\r\n"
    );
    const std::string said = session.said();
    EXPECT_THAT(said, testing::StartsWith("503 5.5.1 EHLO comes first\r\n250-mx.test\r\n"));
    EXPECT_THAT(said, HasSubstr("250 REQUIRETLS\r\n"));
    EXPECT_THAT(said, testing::Not(HasSubstr("250 STARTTLS")));
    EXPECT_THAT(said, EndsWith("502 5.5.1 TLS isn't offered\r\n503 5.5.1 MAIL comes first\r\n"));
    session.machine.received("MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<b>\r\nDATA\r\n");
    EXPECT_EQ(session.reception.mails.back().incoming.protocol, "UTF8SMTPS");
}

TEST(ServerMachine, TakesRequireTlsOverTlsOnly) {
    ServerSettings given = settings();
    given.offers_start_tls = true;
    Held session(given);
    session.machine.received("EHLO me\r\nMAIL FROM:<a@x.test> REQUIRETLS\r\n");
    const std::string clear = session.said();
    EXPECT_THAT(clear, testing::Not(HasSubstr("250-REQUIRETLS")));
    EXPECT_THAT(clear, EndsWith("530 5.7.10 encryption needed for REQUIRETLS\r\n"));
    session.machine.received("STARTTLS\r\n");
    session.said();
    session.machine.tls_established();
    session.machine.received("EHLO me\r\nMAIL FROM:<a@x.test> REQUIRETLS\r\n");
    EXPECT_THAT(session.said(), HasSubstr("250 REQUIRETLS\r\n250 2.1.0"));
}

TEST(ServerMachine, CommandsInjectedBehindStartTlsEndTheSession) {
    ServerSettings given = settings();
    given.offers_start_tls = true;
    Held session(given);
    session.machine.received("EHLO me\r\nSTARTTLS\r\nMAIL FROM:<a@x.test>\r\n");
    EXPECT_THAT(
        session.said(), EndsWith("\r\n554 5.5.0 mx.test nothing may be sent behind STARTTLS\r\n")
    );
    EXPECT_EQ(session.machine.want(), Want::finished);
}

TEST(ServerMachine, AFailedHandshakeEndsTheSession) {
    ServerSettings given = settings();
    given.offers_start_tls = true;
    Held session(given);
    session.machine.received("EHLO me\r\nSTARTTLS\r\n");
    session.said();
    session.machine.tls_failed();
    EXPECT_EQ(session.machine.want(), Want::finished);
    EXPECT_EQ(session.said(), "");
}

/// The body was written by somebody else than the client: with DATA refused it must not run.
TEST(ServerMachine, ContentThatWasNotHeldBackIsNeverTakenForCommands) {
    ServerSession session(settings());
    session.send(
        "EHLO me\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<bad@@y>\r\nDATA\r\n"
        "MAIL FROM:<e@x.test>\r\nRCPT TO:<v@y.test>\r\nDATA\r\nspam\r\n.\r\n"
    );
    EXPECT_THAT(
        session.said,
        EndsWith(
            "554 5.5.1 no valid recipients\r\n421 4.5.0 mx.test something was sent behind DATA\r\n"
        )
    );
    EXPECT_TRUE(session.is_finished());
    EXPECT_TRUE(session.reception.mails.empty());
}

TEST(ServerMachine, ARefusedDataGoesOnWhenTheClientHasWaited) {
    ServerSession session(settings());
    session.send("EHLO me\r\nMAIL FROM:<a@x.test>\r\nDATA\r\n");
    EXPECT_THAT(session.said, EndsWith("503 5.5.1 RCPT comes first\r\n"));
    session.send("RCPT TO:<b@y.test>\r\nDATA x\r\n");
    EXPECT_THAT(session.said, EndsWith("250 2.1.5 ok\r\n501 5.5.4 DATA has no argument\r\n"));
    session.send("DATA\r\n");
    session.send(".\r\n");
    EXPECT_THAT(session.said, EndsWith("250 2.0.0 queued\r\n"));
}

TEST(ServerMachine, TooManyErrorsEndTheSession) {
    ServerSettings given = settings();
    given.max_errors = 3;
    ServerSession session(given);
    session.send("X\r\nNOOP\r\nX\r\nNOOP\r\nX\r\nNOOP\r\n");
    EXPECT_THAT(
        session.said,
        EndsWith(
            "250 2.0.0 ok\r\n500 5.5.1 unknown command\r\n421 4.7.0 mx.test too many errors\r\n"
        )
    );
    EXPECT_TRUE(session.is_finished());
}

TEST(ServerMachine, TooManyRecipientsIsNoError) {
    ServerSettings given = settings();
    given.max_errors = 3;
    given.max_recipients = 1;
    ServerSession session(given);
    session.send(kMail);
    for (int i = 0; i < 10; ++i) {
        session.send("RCPT TO:<d@y.test>\r\n");
    }
    EXPECT_FALSE(session.is_finished());
    EXPECT_THAT(session.said, EndsWith("452 4.5.3 too many recipients\r\n"));
}

TEST(ServerMachine, IdleCommandsAreCountedBetweenMessages) {
    ServerSettings given = settings();
    given.max_idle_commands = 3;
    ServerSession session(given);
    session.send("NOOP\r\nNOOP\r\n" + std::string(kMail) + "DATA\r\n.\r\n");
    session.send("NOOP\r\nRSET\r\nHELP\r\n");
    EXPECT_FALSE(session.is_finished());
    session.send("NOOP\r\n");
    EXPECT_TRUE(session.is_finished());
    EXPECT_THAT(
        session.said, EndsWith("421 4.7.0 mx.test too many commands without a message\r\n")
    );
}

TEST(ServerMachine, WithoutHelloOnlyWhereItIsAllowed) {
    ServerSettings given = settings();
    given.needs_hello = false;
    ServerSession session(given);
    session.send("MAIL FROM:<>\r\nRCPT TO:<b@y.test>\r\nDATA\r\n.\r\n");
    EXPECT_THAT(session.said, EndsWith("250 2.0.0 queued\r\n"));
    EXPECT_EQ(session.reception.mails.at(0).incoming.helo_name, "");
    EXPECT_EQ(session.reception.mails.at(0).incoming.protocol, "SMTP");
}

TEST(ServerMachine, LineFeedsAreForStandardInputOnly) {
    ServerSession session(settings());
    session.send("EHLO me\n");
    EXPECT_TRUE(session.is_finished());
    EXPECT_THAT(
        session.said, EndsWith("521 5.5.2 mx.test a line ends with CR LF, not LF alone\r\n")
    );
}

TEST(ServerMachine, LmtpOnlyWhereItIsAllowed) {
    ServerSession session(settings());
    session.send("LHLO me\r\n");
    EXPECT_THAT(session.said, EndsWith("500 5.5.1 unknown command\r\n"));
}

TEST(ServerMachine, NamesTheProtocol) {
    ServerSettings given = settings();
    given.takes_lmtp = true;
    const std::string rest = " me.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@y.test>\r\nDATA\r\n.\r\n";
    ServerSession session(given);
    session.send("HELO" + rest + "EHLO" + rest + "LHLO" + rest);
    session.send("LHLO me\r\nMAIL FROM:<> SMTPUTF8\r\nRCPT TO:<b@y.test>\r\nDATA\r\n.\r\n");
    ASSERT_EQ(session.reception.mails.size(), 4U);
    EXPECT_EQ(session.reception.mails[0].incoming.protocol, "SMTP");
    EXPECT_EQ(session.reception.mails[0].incoming.helo_name, "me.test");
    EXPECT_EQ(session.reception.mails[1].incoming.protocol, "ESMTP");
    EXPECT_EQ(session.reception.mails[2].incoming.protocol, "LMTP");
    EXPECT_EQ(session.reception.mails[3].incoming.protocol, "UTF8LMTP");
}

TEST(ServerMachine, AChunkOfAnySizeIsPassedOver) {
    ServerSession session(settings());
    session.send("EHLO me\r\nBDAT 18446744073709551615 LAST\r\n");
    for (int i = 0; i < 100; ++i) {
        session.send(std::string(10000, 'x') + "\r\nQUIT\r\n");
    }
    EXPECT_FALSE(session.is_finished());
    EXPECT_THAT(session.said, EndsWith("250 CHUNKING\r\n"));
    session.send("");
    session.close();
    EXPECT_TRUE(session.machine.was_cut_off());
}

TEST(ServerMachine, AnIdleSessionIsSmall) {
    EXPECT_LT(sizeof(ServerMachine), 1024U);
}

}  // namespace
}  // namespace mxpost::protocol
