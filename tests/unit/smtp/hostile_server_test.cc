// A server that turns against its client at one step of the dialogue, over a real socket: whatever
// it does, the session is over soon, nothing counts as delivered, and the server isn't heard out.
#include <array>
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "smtp/session.h"
#include "support/certificate.h"
#include "unit/smtp/smtp_test.h"

namespace mxpost::smtp {
namespace {

enum class Step { greeting, ehlo, mail, recipient, data, end };

constexpr std::array kSteps = {
    Step::greeting, Step::ehlo, Step::mail, Step::recipient, Step::data, Step::end};
constexpr std::array kWaitingFor = {
    "the greeting",
    "the reply to EHLO",
    "the reply to MAIL",
    "the reply to RCPT",
    "the reply to DATA",
    "the reply to the message"};
constexpr std::array kNames = {"Greeting", "Ehlo", "Mail", "Recipient", "Data", "End"};

std::string name_of(Step step) {
    return kNames.at(static_cast<std::size_t>(step));
}

std::string waiting_for(Step step) {
    return kWaitingFor.at(static_cast<std::size_t>(step));
}

/// A server's part until the reply at `step` is due.
Task behave_until(ServerConnection& server, Step step) {
    for (const Step at : kSteps) {
        if (at == Step::end) {
            co_await server.content();
        } else if (at != Step::greeting) {
            co_await server.line();
        }
        if (at == step) {
            co_return;
        }
        std::string reply = at == Step::greeting ? "220 mx\r\n" : "250 ok\r\n";
        if (at == Step::data) {
            reply = "354 go\r\n";
        }
        co_await server.say(std::move(reply));
    }
}

struct Seen {
    mail::RecipientOutcome outcome;
    bool may_try_next_host = true;
    std::chrono::steady_clock::duration time{};
};

/// One message to the server of `lab`.
Seen send_one(Lab& lab, const std::string& content = kContent) {
    Seen seen;
    const auto begun = std::chrono::steady_clock::now();
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        const auto trouble = co_await session.greet("me.example");
        if (trouble) {
            seen.outcome = *trouble;
        } else {
            MemoryContent body(content);
            const auto result = co_await session.send(one_recipient(), body);
            seen.outcome = result.outcomes.at(0);
            seen.may_try_next_host = result.may_try_next_host;
            EXPECT_FALSE(result.is_session_usable);
        }
    });
    seen.time = std::chrono::steady_clock::now() - begun;
    EXPECT_EQ(seen.outcome.kind, mail::OutcomeKind::deferred);
    return seen;
}

void set_all(protocol::Timeouts& timeouts, std::chrono::milliseconds each) {
    timeouts.greeting = timeouts.hello = timeouts.start_tls = each;
    timeouts.mail = timeouts.recipient = timeouts.data = timeouts.data_end = each;
}

class HostileStep : public ::testing::TestWithParam<Step> {};

TEST_P(HostileStep, AReplyThatDripsIsGivenUpInTime) {
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await behave_until(server, GetParam());
        co_await server.say("250 ");
        bool is_open = true;
        while (is_open) {
            co_await server.wait(std::chrono::milliseconds(2));
            is_open = co_await server.say("x");
        }
    }});
    set_all(lab.settings.timeouts, std::chrono::milliseconds(200));
    const Seen seen = send_one(lab);
    EXPECT_EQ(seen.outcome.text, "timed out while waiting for " + waiting_for(GetParam()));
    EXPECT_LT(seen.time, std::chrono::seconds(8));
    // Behind the dot the server may have the message.
    EXPECT_EQ(seen.may_try_next_host, GetParam() != Step::end);
}

TEST_P(HostileStep, SilenceIsGivenUpInTime) {
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await behave_until(server, GetParam());
        co_await server.wait(std::chrono::seconds(30));
    }});
    set_all(lab.settings.timeouts, std::chrono::milliseconds(200));
    const Seen seen = send_one(lab);
    EXPECT_EQ(seen.outcome.text, "timed out while waiting for " + waiting_for(GetParam()));
    EXPECT_LT(seen.time, std::chrono::seconds(8));
}

TEST_P(HostileStep, AResetLeavesTheMessageForAnotherServerUnlessItMayHaveBeenTaken) {
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await behave_until(server, GetParam());
        server.reset();
    }});
    const Seen seen = send_one(lab);
    EXPECT_EQ(seen.outcome.status.text(), "4.4.2");
    EXPECT_EQ(
        seen.outcome.text,
        "connection lost (Connection reset by peer) while waiting for " + waiting_for(GetParam())
    );
    EXPECT_EQ(seen.may_try_next_host, GetParam() != Step::end);
}

TEST_P(HostileStep, AFloodIsNotHeardOut) {
    for (const std::string& what : {std::string(65536, 'x'), std::string("250-x\r\n")}) {
        std::string block;
        while (block.size() < 65536) {
            block += what;
        }
        std::size_t said = 0;
        bool is_heard = true;
        Lab lab({[&](ServerConnection& server) -> Task {
            co_await behave_until(server, GetParam());
            co_await server.say("250-");
            while (is_heard) {
                is_heard = co_await server.say(block);
                said += block.size();
            }
        }});
        const Seen seen = send_one(lab);
        EXPECT_TRUE(seen.outcome.text.starts_with("the server broke the protocol: "))
            << seen.outcome.text;
        for (int i = 0; i < 200 && is_heard; ++i) {
            lab.settle();
        }
        EXPECT_FALSE(is_heard);
        EXPECT_LT(said, std::size_t{64} << 20);  // what the kernel buffers, whatever its settings
    }
}

INSTANTIATE_TEST_SUITE_P(
    Session,
    HostileStep,
    ::testing::ValuesIn(kSteps),
    [](const auto& instance) { return name_of(instance.param); }
);

/// It talks all the time and never reads: neither side can go on, and the client gives up.
TEST(HostileServer, OneThatTalksThroughTheContentIsGivenUp) {
    std::string lines = "Subject: x\r\n\r\n";
    while (lines.size() < (std::size_t{16} << 20)) {
        lines.append(900, 'x').append("\r\n");
    }
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await behave_until(server, Step::data);
        co_await server.say("354 go\r\n");
        bool is_open = true;
        while (is_open) {
            is_open = co_await server.say(std::string(65536, 'x'));
        }
    }});
    lab.settings.timeouts.data_block = std::chrono::milliseconds(300);
    const Seen seen = send_one(lab, lines);
    EXPECT_TRUE(seen.may_try_next_host);
    EXPECT_LT(seen.time, std::chrono::seconds(8));
}

/// One reply too many, and then the message is refused: the first must not pass for the second.
TEST(HostileServer, AReplyFromBeforeTheEndOfTheContentIsNotTheReplyToIt) {
    std::string lines = "Subject: x\r\n\r\n";
    while (lines.size() < (std::size_t{16} << 20)) {  // more than the kernel takes ahead
        lines.append(900, 'x').append("\r\n");
    }
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await behave_until(server, Step::data);
        co_await server.say("354 go\r\n");
        co_await server.octets(100000);
        co_await server.say("250 2.0.0 early\r\n");
        co_await server.octets(std::size_t{64} << 20);  // until the client is gone
        co_await server.say("554 5.7.1 refused\r\n");
    }});
    const Seen seen = send_one(lab, lines);
    EXPECT_EQ(seen.outcome.text, "the server broke the protocol: an unexpected reply");
    EXPECT_TRUE(seen.may_try_next_host);
}

/// The handshake is done; then records come without end that carry no octet of a reply: RFC 8446
/// 4.6.1, tickets. Their time is that of the reply.
TEST(HostileServer, TicketsWithoutEndAreNoReply) {
    const test::Certificate certificate("DNS:mx.example");
    const auto server_context = certificate.server_context();
    auto context = tls::ClientContext::make(tls::TrustSettings());
    ASSERT_TRUE(context);
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, "250-STARTTLS\r\n");
        co_await server.line();
        co_await server.say("220 go\r\n");
        const bool is_done = co_await server.start_tls(server_context.get());
        EXPECT_TRUE(is_done);
        co_await server.line();
        bool is_open = true;
        while (is_open) {
            is_open = co_await server.say_ticket();
        }
    }});
    lab.settings.tls_context = context->get();
    lab.settings.timeouts.hello = std::chrono::milliseconds(300);
    const Seen seen = send_one(lab);
    EXPECT_EQ(seen.outcome.text, "timed out while waiting for the reply to EHLO");
    EXPECT_LT(seen.time, std::chrono::seconds(8));
}

}  // namespace
}  // namespace mxpost::smtp
