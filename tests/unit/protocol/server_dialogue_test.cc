// Whole dialogues with the server, each played in one piece, octet by octet, split at every offset,
// and cut off at every octet: what it says and takes must not depend on that.
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/recording_reception.h"

namespace mxpost::protocol {
namespace {

using test::RecordingReception;
using test::ServerSession;
using testing::StartsWith;

struct Case {
    std::string name;
    std::string client;
    std::string server;  // all that it says
    std::vector<std::string> mails;
    bool is_lmtp = false;
};

void PrintTo(const Case& dialogue, std::ostream* out) {
    *out << dialogue.name;
}

ServerSettings settings(const Case& dialogue) {
    ServerSettings result("mx.test");
    result.may_use_line_feeds = true;
    result.offers_start_tls = true;
    result.takes_lmtp = dialogue.is_lmtp;
    result.size_limit = 100;
    result.max_recipients = 2;
    return result;
}

const std::string kGreeting = "220 mx.test ESMTP mxpost\r\n";
const std::string kBye = "221 2.0.0 mx.test bye\r\n";
const std::string kExtensions =
    "250-mx.test\r\n250-PIPELINING\r\n250-SIZE 100\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n"
    "250-DSN\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250 STARTTLS\r\n";
const std::string kMail = "MAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\n";
const std::string kMailOk = "250 2.1.0 ok\r\n250 2.1.5 ok\r\n";
const std::string kGo = "354 end the message with a line that is a dot\r\n";
const std::string kQueued = "250 2.0.0 queued\r\n";

const std::vector<Case>& cases() {
    static const std::vector<Case> all = {
        {"SeveralMessages",
         "HELO me\r\n" + kMail + "DATA\r\nSubject: 1\r\n\r\n.\r\n" + "EHLO me\r\n" + kMail +
             "DATA\r\n..\r\n...\r\n.x\r\n. \r\n\r\n.\r\nQUIT\r\n",
         kGreeting + "250 mx.test\r\n" + kMailOk + kGo + kQueued + kExtensions + kMailOk + kGo +
             kQueued + kBye,
         {"Subject: 1\r\n\r\n", ".\r\n..\r\nx\r\n \r\n\r\n"}},
        {"EveryCommand",
         "noop\r\nNoOp with words\r\nRSET\r\nVRFY bob\r\nVRFY\r\nEXPN list\r\nHELP\r\nHELP DATA\r\n"
         "RSET now\r\nQUIT now\r\nEHLO\r\nETRN x\r\n  NOOP  \r\nQUIT \r\n",
         kGreeting +
             "250 2.0.0 ok\r\n250 2.0.0 ok\r\n250 2.0.0 ok\r\n"
             "252 2.0.0 send a message to find out\r\n501 5.5.4 an address must follow\r\n"
             "502 5.5.1 lists aren't shown\r\n"
             "214-2.0.0 HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT\r\n"
             "214 2.0.0 sendmail(8) and mxpost.conf(5) say more\r\n"
             "214-2.0.0 HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT\r\n"
             "214 2.0.0 sendmail(8) and mxpost.conf(5) say more\r\n"
             "501 5.5.4 RSET has no argument\r\n501 5.5.4 QUIT has no argument\r\n"
             "501 5.5.4 a domain name or address literal must follow\r\n"
             "500 5.5.1 unknown command\r\n250 2.0.0 ok\r\n" +
             kBye,
         {}},
        {"BadSequences",
         "MAIL FROM:<a@x.test>\r\nHELO me\r\nRCPT TO:<b@y.test>\r\nMAIL FROM:<a@x.test>\r\n"
         "MAIL FROM:<c@x.test>\r\nBDAT 2\r\n\r\nRCPT TO:<b@y.test>\r\nQUIT\r\n",
         kGreeting +
             "503 5.5.1 EHLO comes first\r\n250 mx.test\r\n503 5.5.1 MAIL comes first\r\n"
             "250 2.1.0 ok\r\n503 5.5.1 there was a MAIL command already\r\n"
             "503 5.5.1 RCPT comes first\r\n503 5.5.1 MAIL comes first\r\n" +
             kBye,
         {}},
        {"ResetAndHelloForgetTheTransaction",
         "EHLO me\r\n" + kMail + "RSET\r\nRCPT TO:<b@y.test>\r\n" + kMail +
             "HELO me\r\nRCPT TO:<b@y.test>\r\nQUIT\r\n",
         kGreeting + kExtensions + kMailOk + "250 2.0.0 ok\r\n503 5.5.1 MAIL comes first\r\n" +
             kMailOk + "250 mx.test\r\n503 5.5.1 MAIL comes first\r\n" + kBye,
         {}},
        {"Chunks",
         "EHLO me\r\n" + kMail +
             "BDAT 9\r\nAb: c\r\n\r\nBDAT 0\r\nBDAT 5\r\n.\r\n..BDAT 2 LAST\r\n\r\n" + kMail +
             "BDAT 3\r\nx\r\nBDAT 0 last\r\nQUIT\r\n",
         kGreeting + kExtensions + kMailOk +
             "250 2.0.0 9 octets so far\r\n250 2.0.0 9 octets so far\r\n"
             "250 2.0.0 14 octets so far\r\n" +
             kQueued + kMailOk + "250 2.0.0 3 octets so far\r\n" + kQueued + kBye,
         {"Ab: c\r\n\r\n.\r\n..\r\n", "x\r\n"}},
        {"ChunksThatAreRefusedAreReadAllTheSame",
         "EHLO me\r\nBDAT 6\r\nNOOP\r\nBDAT 6 LAST\r\nQUIT\r\nMAIL FROM:<a@x.test>\r\n"
         "RCPT TO:<bad@@x>\r\nBDAT 6 LAST\r\nQUIT\r\n" +
             kMail + "BDAT 60\r\n" + std::string(60, 'x') + "BDAT 50\r\n" + std::string(50, 'x') +
             "BDAT 2 LAST\r\n\r\n" + kMail +
             "BDAT 4\r\nab\r\nRCPT TO:<c@y.test>\r\n"
             "MAIL FROM:<>\r\nRSET\r\nBDAT 0 LAST\r\nQUIT\r\n",
         kGreeting + kExtensions +
             "503 5.5.1 MAIL comes first\r\n503 5.5.1 MAIL comes first\r\n250 2.1.0 ok\r\n"
             "501 5.1.3 bad recipient address\r\n554 5.5.1 no valid recipients\r\n" +
             kMailOk +
             "250 2.0.0 60 octets so far\r\n552 5.3.4 message too big\r\n"
             "503 5.5.1 MAIL comes first\r\n" +
             kMailOk +
             "250 2.0.0 4 octets so far\r\n"
             "503 5.5.1 the content has begun already\r\n"
             "503 5.5.1 there was a MAIL command already\r\n250 2.0.0 ok\r\n"
             "503 5.5.1 MAIL comes first\r\n" +
             kBye,
         {}},
        {"AChunkOfUnknownSizeEndsTheDialogue",
         "EHLO me\r\n" + kMail + "BDAT x LAST\r\n" + kMail + "QUIT\r\n",
         kGreeting + kExtensions + kMailOk + "501 5.5.4 mx.test syntax: BDAT size [LAST]\r\n",
         {}},
        {"TooBigAndTooMany",
         "EHLO me\r\nMAIL FROM:<a@x.test> SIZE=101\r\nMAIL FROM:<a@x.test> SIZE=100\r\n"
         "RCPT TO:<b@y.test>\r\nRCPT TO:<c@y.test>\r\nRCPT TO:<d@y.test>\r\nDATA\r\n" +
             std::string(98, 'x') + "\r\n\r\n.\r\n" + kMail + "DATA\r\n" + std::string(98, 'x') +
             "\r\n.\r\nQUIT\r\n",
         kGreeting + kExtensions +
             "552 5.3.4 message too big\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n"
             "250 2.1.5 ok\r\n452 4.5.3 too many recipients\r\n" +
             kGo + "552 5.3.4 message too big\r\n" + kMailOk + kGo + kQueued + kBye,
         {std::string(98, 'x') + "\r\n"}},
        {"LineFeedsFromTheFirstLineOn",
         "HELO me\nMAIL FROM: a@x.test\nRCPT TO: b@y.test\r\nDATA\nSubject: "
         "1\r\n..\n.\r\nx\r.\n.\nQUIT\n",
         kGreeting + "250 mx.test\r\n" + kMailOk + kGo + kQueued + kBye,
         {"Subject: 1\r\n.\n\r\nx\r.\n"}},
        {"LineFeedsLaterEndTheDialogue",
         "HELO me\r\n" + kMail + "RSET\n" + kMail + "QUIT\r\n",
         kGreeting + "250 mx.test\r\n" + kMailOk +
             "521 5.5.2 mx.test a line ends with CR LF, not LF alone\r\n",
         {}},
        {"LineFeedsInAMessageOfCrlf",
         "EHLO me\r\n" + kMail + "DATA\r\nx\n.\nMAIL FROM:<e@x.test>\r\n.\r\n" + kMail +
             "BDAT 4 LAST\r\na\nb\n" + kMail + "DATA\r\n.\r\nQUIT\r\n",
         kGreeting + kExtensions + kMailOk + kGo +
             "550 5.6.11 a line of the message ends with LF alone, not CR LF\r\n" + kMailOk +
             "550 5.6.11 a line of the message ends with LF alone, not CR LF\r\n" + kMailOk + kGo +
             kQueued + kBye,
         {""}},
        {"Garbage",
         std::string("\r\nNO\0OP\r\nNOOP\r\r\n\x7f\r\n", 19) + std::string(4097, 'x') +
             "\r\nNOOP " + std::string(4091, 'x') + "\r\nQUIT\r\n",
         kGreeting +
             "500 5.5.2 not a command\r\n500 5.5.2 not a command\r\n"
             "500 5.5.2 not a command\r\n500 5.5.2 not a command\r\n"
             "500 5.5.2 line too long\r\n250 2.0.0 ok\r\n" +
             kBye,
         {}},
        {"AnotherProtocolIsNotServed",
         "POST / HTTP/1.1\r\nHost: mx.test\r\n\r\nEHLO me\r\n" + kMail + "QUIT\r\n",
         kGreeting + "521 5.5.1 mx.test speaks SMTP\r\n",
         {}},
        {"AHeaderIsNoCommand",
         "EHLO me\r\nSubject: x\r\nQUIT\r\n",
         kGreeting + kExtensions + "521 5.5.1 mx.test speaks SMTP\r\n",
         {}},
        {"TlsForgetsWhatWasSaid",
         "STARTTLS now\r\nEHLO me\r\n" + kMail + "STARTTLS\r\n",
         kGreeting + "501 5.5.4 STARTTLS has no argument\r\n" + kExtensions + kMailOk +
             "220 2.0.0 go ahead\r\n",
         {}},
        {"LmtpAnswersForEachRecipient",
         "LHLO me\r\n" + kMail + "RCPT TO:<c@y.test>\r\nDATA\r\nx\r\n.\r\n" + kMail +
             "RCPT TO:<c@y.test>\r\nBDAT 4\r\nx\r\n\nBDAT 0 LAST\r\n" + kMail +
             "BDAT 3 LAST\r\nx\r\nQUIT\r\n",
         kGreeting + kExtensions + kMailOk + "250 2.1.5 ok\r\n" + kGo + kQueued + kQueued +
             kMailOk +
             "250 2.1.5 ok\r\n550 5.6.11 a line of the message ends with LF alone, not CR LF\r\n"
             "503 5.5.1 MAIL comes first\r\n" +
             kMailOk + kQueued + kBye,
         {"x\r\n", "x\r\n"},
         true},
    };
    return all;
}

class ServerDialogue : public testing::TestWithParam<Case> {
protected:
    void expect_all(const ServerSession& session) const {
        EXPECT_EQ(session.said, GetParam().server);
        EXPECT_EQ(session.reception.committed(), GetParam().mails);
    }
};

TEST_P(ServerDialogue, InOnePiece) {
    ServerSession session(settings(GetParam()));
    session.send(GetParam().client);
    expect_all(session);
    EXPECT_EQ(session.is_finished(), GetParam().name != "TlsForgetsWhatWasSaid");
}

TEST_P(ServerDialogue, OctetByOctet) {
    ServerSession session(settings(GetParam()));
    for (const char octet : GetParam().client) {
        session.send({&octet, 1});
    }
    expect_all(session);
}

TEST_P(ServerDialogue, SplitAtEveryOffset) {
    const std::string_view client = GetParam().client;
    for (std::size_t at = 1; at < client.size(); ++at) {
        ServerSession session(settings(GetParam()));
        session.send(client.substr(0, at));
        session.send(client.substr(at));
        expect_all(session);
        if (HasFailure()) {
            FAIL() << "split at " << at;
        }
    }
}

TEST_P(ServerDialogue, CutAtEveryOctet) {
    const std::string_view client = GetParam().client;
    for (std::size_t at = 0; at < client.size(); ++at) {
        ServerSession session(settings(GetParam()));
        session.send(client.substr(0, at));
        const std::string said = session.said;
        const std::size_t count = session.reception.committed().size();
        const bool was_open = session.reception.is_open();
        session.close();
        EXPECT_TRUE(session.is_finished());
        EXPECT_FALSE(session.reception.is_open());
        EXPECT_EQ(session.reception.committed().size(), count);
        EXPECT_THAT(GetParam().server, StartsWith(said));
        if (was_open) {
            EXPECT_TRUE(session.machine.was_cut_off());
        }
        if (session.machine.was_cut_off()) {
            EXPECT_EQ(
                session.said.substr(said.size()),
                "421 4.4.2 mx.test the input ended within the message\r\n"
            );
        } else {
            EXPECT_EQ(session.said, said);
        }
        session.send("NOOP\r\n");
        session.close();
        session.machine.timed_out();
        session.machine.shut_down();
        EXPECT_TRUE(session.machine.output().empty());
    }
}

/// Whatever step the reception refuses, and however often: the replies still belong to the
/// commands, and nothing is committed.
TEST_P(ServerDialogue, RefusedAtEachStep) {
    using Step = RecordingReception::Step;
    for (const Step step :
         {Step::sender, Step::recipient, Step::begin, Step::content, Step::end, Step::commit}) {
        ServerSession session(settings(GetParam()));
        session.reception.refused = step;
        for (const char octet : GetParam().client) {
            session.send({&octet, 1});
        }
        session.close();
        EXPECT_FALSE(session.reception.is_open());
        const bool has_message = !GetParam().mails.empty();
        const bool sees_content =
            step == Step::content && GetParam().mails != std::vector<std::string>{""};
        if (step != Step::content) {
            EXPECT_TRUE(session.reception.committed().empty());
        }
        if (has_message && (step != Step::content || sees_content)) {
            EXPECT_NE(session.said.find("\r\n451 4.3.0 not now\r\n"), std::string::npos);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Dialogues,
    ServerDialogue,
    testing::ValuesIn(cases()),
    [](const auto& tested) { return tested.param.name; }
);

}  // namespace
}  // namespace mxpost::protocol
