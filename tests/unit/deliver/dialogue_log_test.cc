// DialogueLog, and the log line of an outcome.
#include "deliver/dialogue_log.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "deliver/delivery_log.h"

namespace mxpost::deliver {
namespace {

TEST(DialogueLog, JoinsTheLinesWithTheirSpeakers) {
    DialogueLog log;
    EXPECT_TRUE(log.is_empty());
    EXPECT_EQ(log.text(), "");
    log.note("connecting to mx.example[192.0.2.1]:25");
    log.server("220 mx.example ESMTP");
    log.client("EHLO me.example");

    EXPECT_FALSE(log.is_empty());
    EXPECT_EQ(
        log.text(),
        "-- connecting to mx.example[192.0.2.1]:25\n"
        "S: 220 mx.example ESMTP\n"
        "C: EHLO me.example"
    );
}

TEST(DialogueLog, MakesWhatAServerSaysPrintableSoThatItCanNotForgeALine) {
    DialogueLog log;
    log.server("250 ok\nC: forged\x1b[2J\xff");

    EXPECT_EQ(log.text(), "S: 250 ok?C: forged?[2J?");
}

TEST(DialogueLog, CutsALongLine) {
    DialogueLog log;
    log.server(std::string(100000, 'x'));

    EXPECT_EQ(log.text(), "S: " + std::string(600, 'x') + "...");
}

TEST(DialogueLog, KeepsHeadAndTailOfALongDialogueAndDropsWholeLinesBetween) {
    DialogueLog log;
    for (int i = 100000; i < 110000; ++i) {
        log.server("250 " + std::to_string(i));
    }
    const std::string text = log.text();

    EXPECT_LE(text.size(), 12000U);
    EXPECT_GT(text.size(), 11900U);
    EXPECT_TRUE(text.starts_with("S: 250 100000\nS: 250 100001\n"));
    EXPECT_TRUE(text.ends_with("\nS: 250 109998\nS: 250 109999"));
    for (const std::string_view line : split(text, '\n')) {
        EXPECT_EQ(line.size(), 13U) << line;
    }
}

TEST(DialogueLog, StaysInOrderOnceItIsCutAlthoughAShortLineWouldFitTheHead) {
    DialogueLog log;
    for (int i = 0; i < 10; ++i) {
        log.server(std::string(597, 'x'));
    }
    log.client("QUIT");
    EXPECT_TRUE(log.text().ends_with("\nC: QUIT"));
}

TEST(DialogueLog, TellsItsListenerEachLineAsItHappens) {
    std::vector<std::string> heard;
    DialogueLog log([&](const std::string& line) { heard.push_back(line); });
    log.client("MAIL FROM:<>");
    log.server("250 ok\r");

    EXPECT_EQ(heard, (std::vector<std::string>{"C: MAIL FROM:<>", "S: 250 ok?"}));
}

TEST(DialogueSwitch, PassesLinesOnToTheMessageInHandAndDropsThemBetweenMessages) {
    DialogueSwitch sessions;
    DialogueLog first;
    DialogueLog second;
    sessions.note("nobody hears this");
    sessions.point_to(&first);
    sessions.client("DATA");
    sessions.point_to(&second);
    sessions.server("354 go");
    sessions.point_to(nullptr);
    sessions.client("QUIT");

    EXPECT_EQ(first.text(), "C: DATA");
    EXPECT_EQ(second.text(), "S: 354 go");
}

TEST(OutcomeLine, HasTheFormThatLogReadersKnow) {
    mail::RecipientOutcome outcome(mail::OutcomeKind::delivered, {2, 0, 0}, "2.0.0 Ok: queued");
    outcome.reply_code = 250;
    outcome.remote_host = "mx.example.org";
    outcome.remote_address = "192.0.2.1";
    outcome.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384 untrusted";
    const mail::Address bob("bob", "example.org");

    EXPECT_EQ(
        outcome_line("01hk2w7yz0c0000000", bob, bob, outcome, std::chrono::milliseconds(1234)),
        "01hk2w7yz0c0000000: to=<bob@example.org>, "
        "host=mx.example.org[192.0.2.1]:25, "
        "tls=TLSv1.3 TLS_AES_256_GCM_SHA384 untrusted, delay=1.23, "
        "dsn=2.0.0, status=sent "
        "(250 2.0.0 Ok: queued)"
    );
}

TEST(OutcomeLine, NamesTheOriginalAddressOfMailThatGoesElsewhere) {
    const mail::RecipientOutcome outcome(
        mail::OutcomeKind::failed, {5, 1, 2}, "host or domain name not found"
    );

    EXPECT_EQ(
        outcome_line(
            "01hk2w7yz0c0000000",
            mail::Address("ops", "example.com"),
            mail::Address("root", "web1.example.net"),
            outcome,
            std::chrono::microseconds(0)
        ),
        "01hk2w7yz0c0000000: to=<ops@example.com>, "
        "orig_to=<root@web1.example.net>, host=none, "
        "delay=0.00, dsn=5.1.2, status=bounced (host or domain name not found)"
    );
}

TEST(OutcomeLine, SaysDeferredWithoutAServersReplyCode) {
    const mail::RecipientOutcome outcome(mail::OutcomeKind::deferred, {4, 4, 3}, "no answer");
    const mail::Address bob("bob", "example.org");

    EXPECT_EQ(
        outcome_line("01hk2w7yz0c0000000", bob, bob, outcome, std::chrono::hours(2)),
        "01hk2w7yz0c0000000: to=<bob@example.org>, host=none, "
        "delay=7200.00, dsn=4.4.3, "
        "status=deferred (no answer)"
    );
}

}  // namespace
}  // namespace mxpost::deliver
