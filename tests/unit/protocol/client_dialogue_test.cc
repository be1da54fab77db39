// Whole dialogues, each played in one piece, octet by octet, and split at every offset: the client
// must write the same and come to the same outcomes.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/scripted_peer.h"

namespace mxpost::protocol {
namespace {

using test::Cut;
using test::Mail;
using test::Played;
using test::ScriptedPeer;

struct Case {
    std::string name;
    std::string script;
    std::vector<std::string> outcomes;  // per recipient of all mails: "delivered 2.0.0 250 text"
    std::string trouble;                // in the same form; empty: none
    StartTls start_tls = StartTls::never;
    Dialect dialect = Dialect::smtp;
    bool is_follower = false;      // the second mail's commands go with the first's content
    std::string unattempted = {};  // "01": the second mail is
    bool was_desynchronised = false;
};

void PrintTo(const Case& dialogue, std::ostream* out) {
    *out << dialogue.name;
}

const std::string kOpen =
    "S: 220 mx ESMTP\n"
    "C: EHLO me.example\n";
const std::string kPlain = kOpen + "S: 250 mx\n";
const std::string kPipelining = kOpen + "S: 250-mx\nS: 250 PIPELINING\n";

const std::string kLmtp = "S: 220 mx LMTP\nC: LHLO me.example\nS: 250-mx\nS: 250 PIPELINING\n";
const std::string kLmtpMail =
    kLmtp +
    "M: start\nC: MAIL FROM:<me@a.example>\nC: RCPT TO:<x@b.example>\nC: RCPT TO:<y@b.example>\n"
    "C: DATA\n";

/// Two mails with the second's commands behind the first's content; what follows are the replies
/// to all of that.
const std::string kFollowed =
    kPipelining +
    "M: start\nC: MAIL FROM:<me@a.example>\nC: RCPT TO:<x@b.example>\nC: RCPT TO:<y@b.example>\n"
    "C: DATA\nS: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n"
    "C: <content>\nC: .\nC: MAIL FROM:<>\nC: RCPT TO:<z@b.example>\nC: DATA\n";

const std::string kChunking =
    kOpen +
    "S: 250-mx\nS: 250-CHUNKING\nS: 250 PIPELINING\nM: start\n"
    "C: MAIL FROM:<me@a.example>\nC: RCPT TO:<x@b.example>\nC: RCPT TO:<y@b.example>\n"
    "C: BDAT 26 LAST\nC: <chunk>\n";

std::vector<Mail> two_mails() {
    Mail first;
    first.transaction = Transaction(
        mail::Address("me", "a.example"),
        {mail::Recipient(mail::Address("x", "b.example")),
         mail::Recipient(mail::Address("y", "b.example"))}
    );
    first.content = "Subject: one\r\n\r\n.dot\r\n..\r\n";
    Mail second;
    second.transaction =
        Transaction(mail::ReversePath(), {mail::Recipient(mail::Address("z", "b.example"))});
    second.content = "Subject: two\r\n\r\n";
    return {first, second};
}

std::string text(const mail::RecipientOutcome& outcome) {
    const char* kind = outcome.kind == mail::OutcomeKind::delivered  ? "delivered "
                       : outcome.kind == mail::OutcomeKind::deferred ? "deferred "
                                                                     : "failed ";
    return kind + outcome.status.text() + " " + std::to_string(outcome.reply_code) + " " +
           outcome.text;
}

const std::vector<Case>& cases() {
    static const std::vector<Case> all = {
        {"StepByStep",
         kPlain + "M: start\n"
                  "C: MAIL FROM:<me@a.example>\nS: 250 2.1.0 ok\n"
                  "C: RCPT TO:<x@b.example>\nS: 250 2.1.5 ok\n"
                  "C: RCPT TO:<y@b.example>\nS: 251 forwarded\n"
                  "C: DATA\nS: 354 go\n"
                  "C: <content>\nC: .\nS: 250 2.6.0 queued as 1\n"
                  "M: start\n"
                  "C: MAIL FROM:<>\nS: 250 ok\n"
                  "C: RCPT TO:<z@b.example>\nS: 252 perhaps\n"
                  "C: DATA\nS: 354 go\n"
                  "C: <content>\nC: .\nS: 250 queued\n"
                  "M: quit\nC: QUIT\nS: 221 bye\n",
         {"delivered 2.6.0 250 2.6.0 queued as 1",
          "delivered 2.6.0 250 2.6.0 queued as 1",
          "delivered 2.0.0 250 queued"},
         ""},
        {"Pipelined",
         kPipelining + "M: start\n"
                       "C: MAIL FROM:<me@a.example>\nC: RCPT TO:<x@b.example>\nC: RCPT "
                       "TO:<y@b.example>\nC: DATA\n"
                       "S: 250 ok\nS: 550 5.1.1 who?\nS: 250 ok\nS: 354 go\n"
                       "C: <content>\nC: .\nS: 250 queued\n"
                       "M: start\n"
                       "C: MAIL FROM:<>\nC: RCPT TO:<z@b.example>\nC: DATA\n"
                       "S: 250-2.1.0 you\nS: 250 2.1.0 again\nS: 250 ok\nS: 354-go\nS: 354 on\n"
                       "C: <content>\nC: .\nS: 451 4.3.0 later\n"
                       "M: quit\nC: QUIT\nS: 221 bye\n",
         {"failed 5.1.1 550 5.1.1 who?",
          "delivered 2.0.0 250 queued",
          "deferred 4.3.0 451 4.3.0 later"},
         ""},
        {"PipelinedWithoutRecipientsGetsALoneDot",
         kPipelining + "M: start\n"
                       "C: MAIL FROM:<me@a.example>\nC: RCPT TO:<x@b.example>\nC: RCPT "
                       "TO:<y@b.example>\nC: DATA\n"
                       "S: 250 ok\nS: 550 no x\nS: 450 no y\nS: 354 go\n"
                       "C: .\nS: 250 took an empty message\n"
                       "M: start\n"
                       "C: MAIL FROM:<>\nC: RCPT TO:<z@b.example>\nC: DATA\n"
                       "S: 250 ok\nS: 250 ok\nS: 354 go\n"
                       "C: <content>\nC: .\nS: 250 queued\n",
         {"failed 5.0.0 550 no x", "deferred 4.0.0 450 no y", "delivered 2.0.0 250 queued"},
         ""},
        {"PipelinedRefusedSenderIsWhatCounts",
         kPipelining + "M: start\n"
                       "C: MAIL FROM:<me@a.example>\nC: RCPT TO:<x@b.example>\nC: RCPT "
                       "TO:<y@b.example>\nC: DATA\n"
                       "S: 553 5.1.8 bad sender\nS: 503 no\nS: 250 odd\nS: 354 odder\n"
                       "C: .\nS: 554 nothing\n"
                       "M: start\n"
                       "C: MAIL FROM:<>\nC: RCPT TO:<z@b.example>\nC: DATA\n"
                       "S: 450 busy\nS: 503 no\nS: 503 no\n",
         {"failed 5.1.8 553 5.1.8 bad sender",
          "failed 5.1.8 553 5.1.8 bad sender",
          "deferred 4.0.0 450 busy"},
         ""},
        {"ResetOnlyWhenAnOpenTransactionIsFollowedByAnother",
         kPipelining + "M: start\n"
                       "C: MAIL FROM:<me@a.example>\nC: RCPT TO:<x@b.example>\nC: RCPT "
                       "TO:<y@b.example>\nC: DATA\n"
                       "S: 250 ok\nS: 550 no\nS: 550 no\nS: 503 no\n"
                       "M: start\n"
                       "C: RSET\nC: MAIL FROM:<>\nC: RCPT TO:<z@b.example>\nC: DATA\n"
                       "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 451 4.3.1 no room\n"
                       "M: quit\nC: QUIT\nS: 221 bye\n",
         {"failed 5.0.0 550 no", "failed 5.0.0 550 no", "deferred 4.3.1 451 4.3.1 no room"},
         ""},
        {"StepByStepKeepsDataBackWithoutRecipients",
         kPlain + "M: start\n"
                  "C: MAIL FROM:<me@a.example>\nS: 250 ok\n"
                  "C: RCPT TO:<x@b.example>\nS: 450 4.2.0 greylisted\n"
                  "C: RCPT TO:<y@b.example>\nS: 552 too many\n"
                  "M: start\n"
                  "C: RSET\nS: 250 ok\n"
                  "C: MAIL FROM:<>\nS: 550 5.7.1 no\n"
                  "M: quit\nC: QUIT\nX: close\n",
         {"deferred 4.2.0 450 4.2.0 greylisted",
          "deferred 4.0.0 552 too many",
          "failed 5.7.1 550 5.7.1 no"},
         ""},
        {"HeloWhenEhloIsUnknown",
         kOpen + "S: 502 what?\nC: HELO me.example\nS: 250-PIPELINING\nS: 250 PIPELINING\n"
                 "M: start\nC: MAIL FROM:<me@a.example>\nS: 250 ok\n"
                 "C: RCPT TO:<x@b.example>\nS: 250 ok\nC: RCPT TO:<y@b.example>\nS: 250 ok\n"
                 "C: DATA\nS: 354 go\nC: <content>\nC: .\nS: 554 5.6.0 spam\n",
         {"failed 5.6.0 554 5.6.0 spam", "failed 5.6.0 554 5.6.0 spam"},
         ""},
        {"RefusingGreetingIsAnsweredWithQuit",
         "S: 554-5.7.1 you are\nS: 554 5.7.1 listed\nC: QUIT\nS: 221 bye\n",
         {},
         "failed 5.7.1 554 5.7.1 you are listed"},
        {"BusyGreeting", "S: 450 busy\nC: QUIT\nX: timeout\n", {}, "deferred 4.0.0 450 busy"},
        {"ClosingGreeting", "S: 421 4.3.2 full\n", {}, "deferred 4.3.2 421 4.3.2 full"},
        {"EhloAndHeloRefused",
         kOpen + "S: 550 no\nC: HELO me.example\nS: 550 5.7.1 no HELO\nC: QUIT\nS: 221 bye\n",
         {},
         "failed 5.7.1 550 5.7.1 no HELO"},
        {"TwoGreetings",
         "S: 220 one\nS: 220 two\n",
         {},
         "deferred 4.5.0 0 the server broke the protocol: an unexpected reply"},
        {"StartTlsForgetsWhatWasSaidInClear",
         kOpen + "S: 250-mx\nS: 250-STARTTLS\nS: 250 PIPELINING\n"
                 "C: STARTTLS\nS: 220 go\nT: ok\n"
                 "C: EHLO me.example\nS: 250-mx\nS: 250 STARTTLS\n"
                 "M: start\nC: MAIL FROM:<me@a.example>\nS: 250 ok\n"
                 "C: RCPT TO:<x@b.example>\nS: 250 ok\nC: RCPT TO:<y@b.example>\nS: 250 ok\n"
                 "C: DATA\nS: 354 go\nC: <content>\nC: .\nS: 250 ok\n",
         {"delivered 2.0.0 250 ok", "delivered 2.0.0 250 ok"},
         "",
         StartTls::when_offered},
        {"StartTlsRefusedGoesOnInClear",
         kOpen + "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 454 4.7.0 not now\n"
                 "M: start\nC: MAIL FROM:<me@a.example>\nS: 550 no\n",
         {"failed 5.0.0 550 no", "failed 5.0.0 550 no"},
         "",
         StartTls::when_offered},
        {"StartTlsRefusedButRequired",
         kOpen + "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 554 5.7.0 no\nC: QUIT\nS: 221 bye\n",
         {},
         "deferred 4.7.0 554 5.7.0 no",
         StartTls::required},
        {"StartTlsRequiredButNotOffered",
         kPipelining + "C: QUIT\nS: 221 bye\n",
         {},
         "deferred 4.7.4 0 TLS is required, but the server does not offer it",
         StartTls::required},
        {"HandshakeFails",
         kOpen + "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nT: fail\n",
         {},
         "deferred 4.7.5 0 TLS failed: no",
         StartTls::when_offered},
        {"ClosingBetweenRecipients",
         kPlain + "M: start\nC: MAIL FROM:<me@a.example>\nS: 250 ok\n"
                  "C: RCPT TO:<x@b.example>\nS: 550 who?\nC: RCPT TO:<y@b.example>\nS: 421 bye\n",
         {"failed 5.0.0 550 who?", "deferred 4.0.0 421 bye"},
         "deferred 4.0.0 421 bye"},
        // RFC 2033 4.2
        {"LmtpAnswersForEachRecipient",
         kLmtpMail + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n"
                     "C: <content>\nC: .\nS: 250 2.0.0 <x> saved\nS: 452 4.2.2 <y> is full\n"
                     "M: start\nC: MAIL FROM:<>\nC: RCPT TO:<z@b.example>\nC: DATA\n"
                     "S: 250 ok\nS: 250 ok\nS: 354 go\nC: <content>\nC: .\nS: 250 saved\n"
                     "M: quit\nC: QUIT\nS: 221 bye\n",
         {"delivered 2.0.0 250 2.0.0 <x> saved",
          "deferred 4.2.2 452 4.2.2 <y> is full",
          "delivered 2.0.0 250 saved"},
         "",
         StartTls::never,
         Dialect::lmtp},
        {"LmtpAnswersForAcceptedRecipientsOnly",
         kLmtpMail + "S: 250 ok\nS: 550 5.1.1 no such user\nS: 250 ok\nS: 354 go\n"
                     "C: <content>\nC: .\nS: 250 saved\n"
                     "M: start\nC: MAIL FROM:<>\nC: RCPT TO:<z@b.example>\nC: DATA\n"
                     "S: 250 ok\nS: 550 no\nS: 503 no valid recipients\n"
                     "M: quit\nC: QUIT\nS: 221 bye\n",
         {"failed 5.1.1 550 5.1.1 no such user",
          "delivered 2.0.0 250 saved",
          "failed 5.0.0 550 no"},
         "",
         StartTls::never,
         Dialect::lmtp},
        {"LmtpOneAnswerTooMany",
         kLmtpMail + "S: 250 ok\nS: 250 ok\nS: 550 no\nS: 354 go\n"
                     "C: <content>\nC: .\nS: 250 saved\nS: 250 saved\n",
         {"delivered 2.0.0 250 saved", "failed 5.0.0 550 no"},
         "deferred 4.5.0 0 the server broke the protocol: an unexpected reply",
         StartTls::never,
         Dialect::lmtp},
        {"LmtpEndsBetweenItsAnswers",
         kLmtpMail + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n"
                     "C: <content>\nC: .\nS: 250 saved\nX: close\n",
         {"delivered 2.0.0 250 saved",
          "deferred 4.4.2 0 connection lost while waiting for the reply to the message"},
         "deferred 4.4.2 0 connection lost while waiting for the reply to the message",
         StartTls::never,
         Dialect::lmtp},
        {"LmtpTakesContentForNobody",
         kLmtpMail + "S: 250 ok\nS: 550 no\nS: 550 no\nS: 354 go\n",
         {"failed 5.0.0 550 no", "failed 5.0.0 550 no"},
         "deferred 4.5.0 0 the server broke the protocol: 354 without a recipient",
         StartTls::never,
         Dialect::lmtp},
        {"SmtpIsNoLmtp",
         "S: 220 mx ESMTP\nC: LHLO me.example\nS: 500 5.5.2 what?\nC: QUIT\nS: 221 bye\n",
         {},
         "deferred 4.5.2 500 5.5.2 what?",
         StartTls::never,
         Dialect::lmtp},
        // RFC 2920 3.1
        {"TheSecondMailFollows",
         kFollowed + "S: 250 one\nS: 250 ok\nS: 250 ok\nS: 354 go\n"
                     "C: <content>\nC: .\nS: 250 two\nM: quit\nC: QUIT\nS: 221 bye\n",
         {"delivered 2.0.0 250 one", "delivered 2.0.0 250 one", "delivered 2.0.0 250 two"},
         "",
         StartTls::never,
         Dialect::smtp,
         true,
         "00"},
        {"TheFirstIsRefusedAtItsEnd",
         kFollowed + "S: 554 5.6.0 spam\nS: 250 ok\nS: 250 ok\nS: 354 go\n"
                     "C: <content>\nC: .\nS: 250 two\nM: quit\nC: QUIT\nS: 221 bye\n",
         {"failed 5.6.0 554 5.6.0 spam", "failed 5.6.0 554 5.6.0 spam", "delivered 2.0.0 250 two"},
         "",
         StartTls::never,
         Dialect::smtp,
         true,
         "00"},
        {"TheFirstIsDeferredAndTheSecondRefused",
         kFollowed + "S: 451 4.3.0 later\nS: 250 ok\nS: 550 5.1.1 who?\nS: 503 no\n"
                     "M: quit\nC: QUIT\nS: 221 bye\n",
         {"deferred 4.3.0 451 4.3.0 later",
          "deferred 4.3.0 451 4.3.0 later",
          "failed 5.1.1 550 5.1.1 who?"},
         "",
         StartTls::never,
         Dialect::smtp,
         true,
         "00"},
        {"TheSecondHasNobodyLeftAndGetsALoneDot",
         kFollowed + "S: 250 one\nS: 250 ok\nS: 450 4.2.0 grey\nS: 354 go\nC: .\nS: 554 nobody\n"
                     "M: quit\nC: QUIT\nS: 221 bye\n",
         {"delivered 2.0.0 250 one", "delivered 2.0.0 250 one", "deferred 4.2.0 450 4.2.0 grey"},
         "",
         StartTls::never,
         Dialect::smtp,
         true,
         "00"},
        {"TheSecondsSenderIsRefused",
         kFollowed + "S: 250 one\nS: 550 5.7.1 no bounces\nS: 503 no\nS: 503 no\n"
                     "M: quit\nC: QUIT\nS: 221 bye\n",
         {"delivered 2.0.0 250 one",
          "delivered 2.0.0 250 one",
          "failed 5.7.1 550 5.7.1 no bounces"},
         "",
         StartTls::never,
         Dialect::smtp,
         true,
         "00"},
        {"TheSecondsDataIsRefused",
         kFollowed + "S: 250 one\nS: 250 ok\nS: 250 ok\nS: 452 4.3.1 full\n"
                     "M: quit\nC: QUIT\nS: 221 bye\n",
         {"delivered 2.0.0 250 one", "delivered 2.0.0 250 one", "deferred 4.3.1 452 4.3.1 full"},
         "",
         StartTls::never,
         Dialect::smtp,
         true,
         "00"},
        {"ClosingReplyToTheFirstLeavesTheSecondUnattempted",
         kFollowed + "S: 421 4.3.2 bye\n",
         {"deferred 4.3.2 421 4.3.2 bye",
          "deferred 4.3.2 421 4.3.2 bye",
          "deferred 4.3.2 421 4.3.2 bye"},
         "deferred 4.3.2 421 4.3.2 bye",
         StartTls::never,
         Dialect::smtp,
         true,
         "01"},
        {"ClosingReplyToTheSecondLeavesItUnattempted",
         kFollowed + "S: 250 one\nS: 421 4.7.0 enough\n",
         {"delivered 2.0.0 250 one", "delivered 2.0.0 250 one", "deferred 4.7.0 421 4.7.0 enough"},
         "deferred 4.7.0 421 4.7.0 enough",
         StartTls::never,
         Dialect::smtp,
         true,
         "01"},
        {"ClosingReplyToTheSecondsRecipientIsItsOwn",
         kFollowed + "S: 250 one\nS: 250 ok\nS: 421 4.7.0 enough\n",
         {"delivered 2.0.0 250 one", "delivered 2.0.0 250 one", "deferred 4.7.0 421 4.7.0 enough"},
         "deferred 4.7.0 421 4.7.0 enough",
         StartTls::never,
         Dialect::smtp,
         true,
         "00"},
        {"TheFirstIsLostAndTheSecondUnattempted",
         kFollowed + "X: close\n",
         {"deferred 4.4.2 0 connection lost while waiting for the reply to the message",
          "deferred 4.4.2 0 connection lost while waiting for the reply to the message",
          "deferred 4.4.2 0 connection lost while waiting for the reply to the message"},
         "deferred 4.4.2 0 connection lost while waiting for the reply to the message",
         StartTls::never,
         Dialect::smtp,
         true,
         "01",
         true},
        {"TheServerForgetsWhatFollowed",
         kFollowed + "S: 250 one\nX: timeout\n",
         {"delivered 2.0.0 250 one",
          "delivered 2.0.0 250 one",
          "deferred 4.4.2 0 timed out while waiting for the reply to MAIL"},
         "deferred 4.4.2 0 timed out while waiting for the reply to MAIL",
         StartTls::never,
         Dialect::smtp,
         true,
         "01",
         true},
        {"TheServerClosesBehindEachMessage",
         kFollowed + "S: 250 one\nX: close\n",
         {"delivered 2.0.0 250 one",
          "delivered 2.0.0 250 one",
          "deferred 4.4.2 0 connection lost while waiting for the reply to MAIL"},
         "deferred 4.4.2 0 connection lost while waiting for the reply to MAIL",
         StartTls::never,
         Dialect::smtp,
         true,
         "01"},
        {"OneReplyTooManyShowsAtTheSecondsData",
         kFollowed + "S: 250 one\nS: 250 one again\nS: 250 ok\nS: 250 ok\nS: 354 go\n",
         {"delivered 2.0.0 250 one",
          "delivered 2.0.0 250 one",
          "deferred 4.5.0 0 the server broke the protocol: an unexpected reply"},
         "deferred 4.5.0 0 the server broke the protocol: an unexpected reply",
         StartTls::never,
         Dialect::smtp,
         true,
         "00",
         true},
        {"TheServerTakesTheFirstForNoEnd",
         kFollowed + "S: 354 go on\n",
         {"deferred 4.5.0 0 the server broke the protocol: an unexpected reply",
          "deferred 4.5.0 0 the server broke the protocol: an unexpected reply",
          "deferred 4.5.0 0 the server broke the protocol: an unexpected reply"},
         "deferred 4.5.0 0 the server broke the protocol: an unexpected reply",
         StartTls::never,
         Dialect::smtp,
         true,
         "01",
         true},
        // RFC 3030
        {"SmallContentGoesInOneChunkWithTheCommands",
         kChunking + "S: 250 ok\nS: 250 ok\nS: 550 5.1.1 who?\nS: 250 2.6.0 one\n"
                     "M: start\nC: MAIL FROM:<>\nC: RCPT TO:<z@b.example>\n"
                     "C: BDAT 16 LAST\nC: <chunk>\n"
                     "S: 250 ok\nS: 250 ok\nS: 451 4.3.0 later\nM: quit\nC: QUIT\nS: 221 bye\n",
         {"delivered 2.6.0 250 2.6.0 one",
          "failed 5.1.1 550 5.1.1 who?",
          "deferred 4.3.0 451 4.3.0 later"},
         "",
         StartTls::never,
         Dialect::smtp,
         true},
        {"AChunkForNobodyMeansNothing",
         kChunking + "S: 250 ok\nS: 550 5.1.1 who?\nS: 450 4.2.0 grey\nS: 250 took nothing\n"
                     "M: start\nC: RSET\nC: MAIL FROM:<>\nC: RCPT TO:<z@b.example>\n"
                     "C: BDAT 16 LAST\nC: <chunk>\n"
                     "S: 250 reset\nS: 550 5.7.1 no bounces\nS: 503 no\nS: 503 no\n"
                     "M: quit\nC: QUIT\nS: 221 bye\n",
         {"failed 5.1.1 550 5.1.1 who?",
          "deferred 4.2.0 450 4.2.0 grey",
          "failed 5.7.1 550 5.7.1 no bounces"},
         ""},
        {"ARefusedChunkIsFollowedByReset",
         kChunking + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 554 5.7.1 spam\n"
                     "M: start\nC: RSET\nC: MAIL FROM:<>\nC: RCPT TO:<z@b.example>\n"
                     "C: BDAT 16 LAST\nC: <chunk>\n"
                     "S: 250 reset\nS: 250 ok\nS: 250 ok\nS: 250 two\n",
         {"failed 5.7.1 554 5.7.1 spam", "failed 5.7.1 554 5.7.1 spam", "delivered 2.0.0 250 two"},
         ""},
        {"UnknownBdatIsRepeatedByDataOnceAndForAll",
         kChunking + "S: 250 ok\nS: 250 ok\nS: 550 5.1.1 who?\nS: 502 5.5.1 what?\n"
                     "C: RSET\nS: 250 reset\n"
                     "C: MAIL FROM:<me@a.example>\nC: RCPT TO:<x@b.example>\nC: DATA\n"
                     "S: 250 ok\nS: 250 ok\nS: 354 go\nC: <content>\nC: .\n"
                     "C: MAIL FROM:<>\nC: RCPT TO:<z@b.example>\nC: DATA\n"
                     "S: 250 one\nS: 250 ok\nS: 250 ok\nS: 354 go\n"
                     "C: <content>\nC: .\nS: 250 two\n",
         {"delivered 2.0.0 250 one", "failed 5.1.1 550 5.1.1 who?", "delivered 2.0.0 250 two"},
         "",
         StartTls::never,
         Dialect::smtp,
         true,
         "00"},
        {"ContentTakenForCommandsShowsAtReset",
         kChunking + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 500 what?\nC: RSET\nS: 500 what?\n",
         {"deferred 4.5.0 0 the server broke the protocol: RSET was refused",
          "deferred 4.5.0 0 the server broke the protocol: RSET was refused"},
         "deferred 4.5.0 0 the server broke the protocol: RSET was refused"},
        {"AnIntermediateReplyToAChunkIsNone",
         kChunking + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n",
         {"deferred 4.5.0 0 the server broke the protocol: an unexpected reply",
          "deferred 4.5.0 0 the server broke the protocol: an unexpected reply"},
         "deferred 4.5.0 0 the server broke the protocol: an unexpected reply"},
    };
    return all;
}

class Dialogue : public ::testing::TestWithParam<Case> {};

Played play(const Case& dialogue, Cut cut) {
    ClientSettings settings("me.example");
    settings.start_tls = dialogue.start_tls;
    settings.dialect = dialogue.dialect;
    settings.is_appointed = dialogue.dialect == Dialect::lmtp;
    return ScriptedPeer(dialogue.script, two_mails())
        .follower(dialogue.is_follower)
        .play(settings, cut);
}

void check(const Case& dialogue, const Played& played) {
    EXPECT_EQ(played.mismatches, std::vector<std::string>());
    EXPECT_EQ(played.trouble ? text(*played.trouble) : "", dialogue.trouble);
    std::vector<std::string> outcomes;
    for (const auto& result : played.results) {
        for (const auto& outcome : result.outcomes) {
            outcomes.push_back(text(outcome));
        }
    }
    EXPECT_EQ(outcomes, dialogue.outcomes);
    EXPECT_EQ(played.was_desynchronised, dialogue.was_desynchronised);
    if (!dialogue.unattempted.empty()) {
        std::string unattempted;
        for (const auto& result : played.results) {
            unattempted += result.is_unattempted ? '1' : '0';
        }
        EXPECT_EQ(unattempted, dialogue.unattempted);
    }
}

TEST_P(Dialogue, GoesAsScriptedHoweverItIsCut) {
    const auto whole = play(GetParam(), {});
    check(GetParam(), whole);
    ASSERT_GT(whole.server_octets, 0U);
    if (GetParam().name == "TwoGreetings") {
        return;  // cut between the two, the second is the reply to EHLO: see below
    }
    check(GetParam(), play(GetParam(), Cut{1, std::string::npos}));
    for (std::size_t split = 1; split < whole.server_octets; ++split) {
        check(GetParam(), play(GetParam(), Cut{std::string::npos, split}));
        if (HasFailure()) {
            FAIL() << "split at " << split;
        }
    }
}

TEST_P(Dialogue, WritesTheSameHoweverItIsCut) {
    const auto whole = play(GetParam(), {});
    if (GetParam().name != "TwoGreetings") {
        EXPECT_EQ(play(GetParam(), Cut{1, std::string::npos}).written, whole.written);
    }
}

INSTANTIATE_TEST_SUITE_P(Client, Dialogue, ::testing::ValuesIn(cases()), [](const auto& instance) {
    return instance.param.name;
});

TEST(ClientMachine, ASecondGreetingIsNeverTheReplyToEhlo) {
    ScriptedPeer peer("S: 220 one\nC: EHLO me.example\nS: 220 two\n", {});
    const auto played = peer.play(ClientSettings("me.example"), {});
    ASSERT_TRUE(played.trouble);
    EXPECT_EQ(
        text(*played.trouble), "deferred 4.5.0 0 the server broke the protocol: an unexpected reply"
    );
}

TEST(ClientMachine, AProbeEndsBeforeData) {
    test::Mail mail;
    mail.transaction = Transaction(
        mail::Address("me", "a.example"),
        {mail::Recipient(mail::Address("x", "b.example")),
         mail::Recipient(mail::Address("y", "b.example"))}
    );
    mail.transaction.is_probe = true;
    for (const std::string& greeting :
         {std::string(
              "S: 220 mx\nC: EHLO me.example\nS: 250-mx\nS: 250 PIPELINING\nM: start\n"
              "C: MAIL FROM:<me@a.example>\nC: RCPT TO:<x@b.example>\nC: RCPT TO:<y@b.example>\n"
              "S: 250 ok\nS: 250 2.1.5 fine\nS: 550 who?\n"
          ),
          std::string("S: 220 mx\nC: EHLO me.example\nS: 250 mx\nM: start\n"
                      "C: MAIL FROM:<me@a.example>\nS: 250 ok\nC: RCPT TO:<x@b.example>\nS: 250 "
                      "2.1.5 fine\n"
                      "C: RCPT TO:<y@b.example>\nS: 550 who?\n")}) {
        ScriptedPeer peer(greeting + "M: quit\nC: QUIT\nS: 221 bye\n", {mail});
        const auto played = peer.play(ClientSettings("me.example"), {});
        EXPECT_EQ(played.mismatches, std::vector<std::string>());
        ASSERT_EQ(played.results.size(), 1U);
        EXPECT_EQ(text(played.results[0].outcomes[0]), "deferred 4.1.5 250 2.1.5 fine");
        EXPECT_EQ(text(played.results[0].outcomes[1]), "failed 5.0.0 550 who?");
        EXPECT_TRUE(played.results[0].is_session_usable);
    }
}

}  // namespace
}  // namespace mxpost::protocol
