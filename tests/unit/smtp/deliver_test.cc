// Session::deliver(): what the server sees of messages that follow each other, and that each has
// its outcome in its turn.
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "smtp/session.h"
#include "unit/smtp/smtp_test.h"

namespace mxpost::smtp {
namespace {

const std::string kPipelining = "250-PIPELINING\r\n";
const std::string kChunking = "250-PIPELINING\r\n250-CHUNKING\r\n";

/// Gives its messages one after the other, and keeps what it is told.
class ListFeed final : public Feed {
public:
    MemoryContent& add(std::string text, std::string local = "you") {
        auto parcel = std::make_unique<Parcel>();
        parcel->transaction = one_recipient();
        parcel->transaction.recipients[0].address = mail::Address(std::move(local), "b.example");
        auto content = std::make_unique<MemoryContent>(std::move(text));
        MemoryContent& added = *content;
        parcel->content = std::move(content);
        parcels_.push_back(std::move(parcel));
        return added;
    }

    Parcel& parcel(std::size_t index) { return *parcels_[index]; }

    Parcel* next() override {
        return given_ < parcels_.size() ? parcels_[given_++].get() : nullptr;
    }

    void done(Parcel& parcel, TransactionResult result) override {
        EXPECT_EQ(&parcel, parcels_.at(results.size()).get());
        EXPECT_EQ(parcel.transaction.recipients.size(), result.outcomes.size());
        results.push_back(std::move(result));
    }

    std::size_t given() const { return given_; }
    /// "delivered", "unattempted" and so on.
    std::vector<std::string> kinds() const {
        std::vector<std::string> kinds;
        for (const auto& result : results) {
            const auto kind = result.outcomes.at(0).kind;
            kinds.emplace_back(
                result.is_unattempted                  ? "unattempted"
                : result.is_content_bad                ? "bad"
                : kind == mail::OutcomeKind::delivered ? "delivered"
                : kind == mail::OutcomeKind::deferred  ? "deferred"
                                                       : "failed"
            );
        }
        return kinds;
    }

    std::vector<TransactionResult> results;

private:
    std::vector<std::unique_ptr<Parcel>> parcels_;
    std::size_t given_ = 0;
};

using Kinds = std::vector<std::string>;

/// MAIL, RCPT and DATA that came together.
Task take_group(ServerConnection& server, std::string before = "") {
    for (int i = 0; i < 3; ++i) {
        co_await server.line();
    }
    co_await server.say(before + "250 ok\r\n250 ok\r\n354 go\r\n");
}

void run(Lab& lab, ListFeed& feed) {
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        const auto trouble = co_await session.greet("me.example");
        EXPECT_FALSE(trouble);
        co_await session.deliver(feed);
        co_await session.quit();
    });
}

TEST(Deliver, OneMessagesContentAndTheNextOnesCommandsLeaveInOneWrite) {
    std::vector<std::string> contents;
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, kPipelining);
        server.reads.clear();
        co_await take_group(server);
        for (int i = 0; i < 3; ++i) {
            std::string content = co_await server.content();
            contents.push_back(content);
            if (i < 2) {
                co_await take_group(server, "250 taken\r\n");
            }
        }
        // One for the commands, and one for each message.
        EXPECT_EQ(server.reads.size(), 4U);
        co_await server.say("250 taken\r\n");
        co_await take_quit(server);
    }});
    ListFeed feed;
    for (const char* local : {"a", "b", "c"}) {
        feed.add(kContent, local);
    }
    run(lab, feed);
    EXPECT_EQ(feed.kinds(), (Kinds{"delivered", "delivered", "delivered"}));
    EXPECT_EQ(contents, (std::vector<std::string>{kFramed, kFramed, kFramed}));
    EXPECT_EQ(feed.results[1].outcomes[0].remote_host, "mx.example");
    EXPECT_EQ(feed.results[1].outcomes[0].remote_address, "127.0.0.1");
    EXPECT_EQ(feed.parcel(1).transaction.recipients[0].address.text(), "b@b.example");
}

TEST(Deliver, ALargeMessageIsFollowedInItsLastWrite) {
    std::string text = "Subject: large\r\n\r\n";
    for (int i = 0; i < 20000; ++i) {
        text += (i % 3 == 0 ? ".line " : "line ") + std::to_string(i) + "\r\n";
    }
    std::string received;
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, kPipelining);
        co_await take_group(server);
        received = co_await server.content();
        co_await take_group(server, "250 taken\r\n");
        co_await server.content();
        co_await server.say("250 taken\r\n");
        co_await take_quit(server);
    }});
    ListFeed feed;
    feed.add(text);
    feed.add(kContent);
    run(lab, feed);
    EXPECT_EQ(feed.kinds(), (Kinds{"delivered", "delivered"}));
    EXPECT_EQ(received, test::ScriptedPeer::framed(text));
}

/// Each message's commands come only behind the reply to the one before.
Task take_one_by_one(ServerConnection& server, int count) {
    co_await greet(server, kPipelining);
    for (int i = 0; i < count; ++i) {
        co_await take_group(server);
        server.reads.clear();
        co_await server.content();
        EXPECT_EQ(server.reads, (std::vector<std::size_t>{kFramed.size() + 3}));
        co_await server.say("250 taken\r\n");
    }
    co_await take_quit(server);
}

TEST(Deliver, NothingFollowsWhereTheCallerOrTheSettingsForbidIt) {
    for (const bool is_caller : {true, false}) {
        Lab lab({[&](ServerConnection& server) -> Task { co_await take_one_by_one(server, 2); }});
        ListFeed feed;
        feed.add(kContent);
        feed.add(kContent);
        feed.parcel(0).may_be_followed = !is_caller;
        lab.settings.may_pipeline_messages = is_caller;
        run(lab, feed);
        EXPECT_EQ(feed.kinds(), (Kinds{"delivered", "delivered"}));
    }
}

TEST(Deliver, NothingFollowsOnceTheServerWasSlow) {
    Lab lab({[&](ServerConnection& server) -> Task { co_await take_one_by_one(server, 3); }});
    lab.settings.timeouts.slow_reply = std::chrono::milliseconds(0);
    ListFeed feed;
    for (int i = 0; i < 3; ++i) {
        feed.add(kContent);
    }
    feed.parcel(0).may_be_followed = false;
    run(lab, feed);
    EXPECT_EQ(feed.kinds(), (Kinds{"delivered", "delivered", "delivered"}));
}

TEST(Deliver, NothingFollowsTheSessionsLastPermittedMessage) {
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, kPipelining + "250-LIMITS MAILMAX=2\r\n");
        co_await take_group(server);
        co_await server.content();
        co_await take_group(server, "250 taken\r\n");
        server.reads.clear();
        co_await server.content();
        EXPECT_EQ(server.reads, (std::vector<std::size_t>{kFramed.size() + 3}));
        co_await server.say("250 taken\r\n");
        co_await take_quit(server);
    }});
    ListFeed feed;
    for (int i = 0; i < 3; ++i) {
        feed.add(kContent);
    }
    run(lab, feed);
    EXPECT_EQ(feed.kinds(), (Kinds{"delivered", "delivered"}));
    EXPECT_EQ(feed.given(), 2U);
}

TEST(Deliver, AClosingReplyLeavesTheFollowerUnattempted) {
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, kPipelining);
        co_await take_group(server);
        co_await server.content();
        co_await server.say("421 4.3.2 bye\r\n");
        server.close();
    }});
    ListFeed feed;
    for (int i = 0; i < 3; ++i) {
        feed.add(kContent);
    }
    run(lab, feed);
    EXPECT_EQ(feed.kinds(), (Kinds{"deferred", "unattempted"}));
    EXPECT_EQ(feed.given(), 2U);
    EXPECT_TRUE(feed.results[0].may_try_next_host);
    EXPECT_EQ(feed.results[0].outcomes[0].step, mail::Step::content);
}

TEST(Deliver, AServerThatIsConfusedIsTold) {
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, kPipelining);
        co_await take_group(server);
        co_await server.content();
        co_await server.say("250 taken\r\n354 and what follows is content\r\n");
        co_await server.line();
    }});
    ListFeed feed;
    feed.add(kContent);
    feed.add(kContent);
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        co_await session.greet("me.example");
        EXPECT_TRUE(session.capabilities().has_pipelining);
        EXPECT_FALSE(session.was_desynchronised());
        co_await session.deliver(feed);
        EXPECT_TRUE(session.was_desynchronised());
        EXPECT_FALSE(session.is_idle_healthy());
    });
    EXPECT_EQ(feed.kinds(), (Kinds{"delivered", "unattempted"}));
}

TEST(Deliver, ContentThatCannotBeReadKeepsItsTurn) {
    for (const bool is_rewind : {true, false}) {
        Lab lab({[&](ServerConnection& server) -> Task {
            co_await greet(server, kPipelining);
            co_await take_group(server);
            co_await server.content();
            if (is_rewind) {
                co_await server.say("250 taken\r\n");
                co_await take_group(server);
                co_await server.content();
                co_await server.say("250 taken\r\n");
                co_await take_quit(server);
            } else {
                co_await take_group(server, "250 taken\r\n");
                const std::string rest = co_await server.content();
                EXPECT_EQ(rest, "<end>");
            }
        }});
        ListFeed feed;
        feed.add(kContent);
        MemoryContent& bad = feed.add(kContent);
        is_rewind ? bad.fail_to_rewind() : bad.fail_at(0);
        feed.add(kContent);
        run(lab, feed);
        EXPECT_EQ(
            feed.kinds(),
            is_rewind ? (Kinds{"delivered", "bad", "delivered"}) : (Kinds{"delivered", "bad"})
        );
    }
}

/// BDAT's octets, behind MAIL and RCPT.
Task take_chunk(ServerConnection& server, std::string& content, std::string reply) {
    co_await server.line();
    co_await server.line();
    const std::string bdat = co_await server.line();
    EXPECT_TRUE(bdat.starts_with("BDAT ") && bdat.ends_with(" LAST")) << bdat;
    content = co_await server.octets(std::stoul(bdat.substr(5)));
    co_await server.say("250 ok\r\n250 ok\r\n" + reply);
}

TEST(Deliver, ChunksLeaveInOneWriteWithTheirCommands) {
    std::string text = "Subject: x\r\n\r\n";
    while (text.size() < 65436) {
        text.append(98, '.').append("\r\n");
    }
    text.append(65536 - text.size() - 2, 'y').append("\r\n");
    ASSERT_EQ(text.size(), 65536U);
    std::vector<std::string> contents(3);
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, kChunking);
        server.reads.clear();
        co_await take_chunk(server, contents[0], "250 taken\r\n");
        co_await take_chunk(server, contents[1], "554 5.7.1 no\r\n");
        EXPECT_EQ(server.reads.size(), 2U);
        co_await server.line();
        co_await server.say("250 reset\r\n");
        co_await take_chunk(server, contents[2], "250 taken\r\n");
        co_await take_quit(server);
    }});
    ListFeed feed;
    feed.add(kContent);
    feed.add(kContent);
    feed.add(text);
    run(lab, feed);
    EXPECT_EQ(feed.kinds(), (Kinds{"delivered", "failed", "delivered"}));
    EXPECT_EQ(contents, (std::vector<std::string>{kContent, kContent, text}));
}

TEST(Deliver, LargeChunksWaitForARecipient) {
    std::string large = "Subject: x\r\n\r\n";
    while (large.size() < 300000) {
        large.append(98, '.').append("\r\n");
    }
    std::string received;
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, kChunking);
        co_await server.line();
        co_await server.line();
        co_await server.say("250 ok\r\n250 ok\r\n");
        const std::string bdat = co_await server.line();
        EXPECT_EQ(bdat, "BDAT " + std::to_string(large.size()) + " LAST");
        received = co_await server.octets(large.size());
        co_await server.say("250 taken\r\n");
        co_await take_quit(server);
    }});
    ListFeed feed;
    feed.add(large);
    run(lab, feed);
    EXPECT_EQ(feed.kinds(), (Kinds{"delivered"}));
    EXPECT_EQ(received, large);
}

TEST(Deliver, UnknownBdatIsRepeatedByDataFromTheFirstOctet) {
    std::vector<std::string> contents(2);
    std::string again;
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, kChunking);
        co_await take_chunk(server, contents[0], "502 5.5.1 what?\r\n");
        const std::string reset = co_await server.line();
        EXPECT_EQ(reset, "RSET");
        co_await server.say("250 ok\r\n");
        co_await take_group(server);
        again = co_await server.content();
        co_await take_group(server, "250 taken\r\n");
        contents[1] = co_await server.content();
        co_await server.say("250 taken\r\n");
    }});
    ListFeed feed;
    feed.add(kContent);
    feed.add(kContent);
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        co_await session.greet("me.example");
        co_await session.deliver(feed);
        EXPECT_TRUE(session.is_bdat_refused());
        EXPECT_TRUE(session.is_idle_healthy());
    });
    EXPECT_EQ(feed.kinds(), (Kinds{"delivered", "delivered"}));
    EXPECT_EQ(again, kFramed);
    EXPECT_EQ(contents, (std::vector<std::string>{kContent, kFramed}));
}

TEST(Deliver, ChunkingCanBeForbidden) {
    std::string received;
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, kChunking);
        co_await take_group(server);
        received = co_await server.content();
        co_await server.say("250 taken\r\n");
        co_await take_quit(server);
    }});
    lab.settings.chunking = false;
    ListFeed feed;
    feed.add(kContent);
    run(lab, feed);
    EXPECT_EQ(received, kFramed);
}

TEST(Deliver, TakesNoMessageToAServerThatHasGone) {
    Lab lab({[&](ServerConnection& server) -> Task {
        std::string content;
        co_await greet(server, kChunking);
        co_await take_chunk(server, content, "250 taken\r\n421 4.3.2 that was all\r\n");
        server.close();
    }});
    ListFeed feed;
    feed.add(kContent);
    feed.add(kContent);
    MemoryContent content(kContent);
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        co_await session.greet("me.example");
        co_await session.deliver(feed);
        const auto result = co_await session.send(one_recipient(), content);
        EXPECT_TRUE(result.is_session_stale && result.may_try_next_host);
        EXPECT_FALSE(result.is_session_usable);
    });
    EXPECT_EQ(feed.kinds(), (Kinds{"delivered"}));
    EXPECT_EQ(feed.given(), 1U);
}

TEST(Deliver, AsksNobodyWhereTheSessionIsNotOpen) {
    Lab lab({never_called});
    ListFeed feed;
    feed.add(kContent);
    lab.run([&](Session& session) -> Task {
        co_await session.deliver(feed);
        EXPECT_FALSE(session.capabilities().has_pipelining);
    });
    EXPECT_EQ(feed.given(), 0U);
}

}  // namespace
}  // namespace mxpost::smtp
