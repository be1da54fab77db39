#include "deliver/helper_agent.h"

#include <array>
#include <deque>
#include <optional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "local/packet.h"
#include "local/wire.h"

namespace mxpost::deliver {

namespace {

using mail::OutcomeKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// An agent whose helper is the test.
class HelperAgentTest : public ::testing::Test {
protected:
    HelperConnector connector() {
        return [this]() -> Result<Fd> {
            std::array<int, 2> ends{};
            if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
                return Error::from_errno(errno, "socketpair");
            }
            helper.emplace_back(ends[1]);
            return Fd(ends[0]);
        };
    }
    static local::Request request() {
        local::Request request;
        request.name = "alice";
        request.recipient = "alice@host.example";
        request.message_id = "ID";
        request.message = Fd(::memfd_create("message", MFD_CLOEXEC));
        return request;
    }
    /// What an engine asks for `name`; counts the requests that were made.
    boost::asio::awaitable<local::Answer> deliver(
        HelperAgent& agent, const std::string& name = "alice"
    ) {
        RequestMaker make = [this, name]() -> Result<local::Request> {
            ++made;
            local::Request one = request();
            one.name = name;
            return one;
        };
        return agent.deliver(name, std::move(make));
    }
    void ask(HelperAgent& agent) {
        answer.reset();
        boost::asio::co_spawn(
            io,
            deliver(agent),
            [this](const std::exception_ptr& error, local::Answer result) {
                ASSERT_FALSE(error);
                answer = std::move(result);
            }
        );
        io.restart();
        io.poll();
    }
    void go_on() {
        io.restart();
        for (int i = 0; i < 50 && !answer; ++i) {
            io.run_one_for(std::chrono::milliseconds(100));
        }
    }

    boost::asio::io_context io{1};
    std::deque<Fd> helper;  // its ends of the connections
    std::optional<local::Answer> answer;
    int made = 0;
};

local::Answer deferred_answer() {
    local::Answer answer;
    answer.outcome = mail::RecipientOutcome(OutcomeKind::deferred, {4, 3, 0}, "later");
    answer.done = {42};
    return answer;
}

TEST_F(HelperAgentTest, GivesTheRequestAndItsMessageAndTakesTheAnswer) {
    HelperAgent agent(io.get_executor(), connector());
    ask(agent);
    ASSERT_EQ(helper.size(), 1U);
    const auto packet = local::receive_packet(helper[0].get(), local::kMaxRequestPacket);
    ASSERT_TRUE(packet);
    EXPECT_TRUE(packet->fd);
    EXPECT_EQ(local::decode_request(packet->data)->name, "alice");
    EXPECT_FALSE(answer);
    local::Answer reply;
    reply.outcome = mail::RecipientOutcome(OutcomeKind::delivered, {2, 0, 0}, "done");
    reply.forwards = {mail::Address("bob", "example.com")};
    ASSERT_TRUE(local::send_packet(helper[0].get(), local::encode(reply)));
    go_on();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->outcome.kind, OutcomeKind::delivered);
    EXPECT_THAT(answer->forwards, ElementsAre(mail::Address("bob", "example.com")));
}

TEST_F(HelperAgentTest, OneUsersSlowProgramsKeepNobodyElseWaiting) {
    HelperAgent agent(io.get_executor(), connector());
    int answered = 0;
    const auto ask_for = [&](const std::string& name) {
        boost::asio::co_spawn(
            io,
            deliver(agent, name),
            [&](const std::exception_ptr&, const local::Answer&) { ++answered; }
        );
    };
    for (int i = 0; i < 50; ++i) {
        ask_for("mallory");
    }
    io.poll();
    EXPECT_EQ(helper.size(), 4U);
    ask_for("bob");
    io.restart();
    io.poll();
    EXPECT_EQ(helper.size(), 5U);
    while (!helper.empty()) {
        helper.pop_front();
        io.restart();
        io.poll();
    }
    EXPECT_EQ(answered, 51);
}

TEST_F(HelperAgentTest, BeginsNothingMoreWhenTheEngineEnds) {
    HelperAgent agent(io.get_executor(), connector());
    int untried = 0;
    for (int i = 0; i < 50; ++i) {
        boost::asio::co_spawn(
            io,
            deliver(agent),
            [&](const std::exception_ptr&, const local::Answer& result) {
                untried += result.outcome.is_untried ? 1 : 0;
            }
        );
    }
    io.poll();
    ASSERT_EQ(helper.size(), 4U);
    agent.stop();
    helper.pop_front();  // one of those under way has ended
    io.restart();
    io.poll();
    EXPECT_EQ(untried, 46);
    EXPECT_EQ(helper.size(), 3U);
    helper.clear();
    io.restart();
    io.poll();
    EXPECT_EQ(untried, 46);
}

TEST_F(HelperAgentTest, RemembersWhatIsDoneUntilTheRecipientIs) {
    HelperAgent agent(io.get_executor(), connector());
    const auto exchange = [&](const local::Answer& reply) {
        ask(agent);
        const auto packet = local::receive_packet(helper.back().get(), local::kMaxRequestPacket);
        EXPECT_TRUE(local::send_packet(helper.back().get(), local::encode(reply)));
        go_on();
        EXPECT_TRUE(answer);
        return local::decode_request(packet->data)->done;
    };
    local::Answer delivered;
    delivered.outcome = mail::RecipientOutcome(OutcomeKind::delivered, {2, 0, 0}, "done");
    EXPECT_THAT(exchange(deferred_answer()), IsEmpty());
    EXPECT_THAT(exchange(deferred_answer()), ElementsAre(42));
    EXPECT_THAT(exchange(delivered), ElementsAre(42));
    EXPECT_THAT(exchange(delivered), IsEmpty());
}

TEST_F(HelperAgentTest, DefersWithTheReasonWhereNobodyAnswers) {
    HelperAgent nobody(io.get_executor(), connect_to_helper("/nonexistent/socket"));
    ask(nobody);
    go_on();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->outcome.kind, OutcomeKind::deferred);
    EXPECT_THAT(answer->outcome.text, HasSubstr("no local helper answers at /nonexistent/socket"));

    HelperAgent agent(io.get_executor(), connector());
    ask(agent);
    helper.clear();  // it ends
    go_on();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->outcome.kind, OutcomeKind::deferred);

    ask(agent);
    ASSERT_TRUE(local::send_packet(helper.back().get(), "garbage"));
    go_on();
    ASSERT_TRUE(answer);
    EXPECT_THAT(answer->outcome.text, HasSubstr("malformed answer"));

    HelperAgent hasty(io.get_executor(), connector(), std::chrono::seconds(0));
    ask(hasty);
    go_on();
    ASSERT_TRUE(answer);
    EXPECT_THAT(answer->outcome.text, HasSubstr("doesn't answer"));
}

TEST_F(HelperAgentTest, AsksForABoundedNumberAtOnce) {
    HelperAgent agent(io.get_executor(), connector());
    int answered = 0;
    for (int i = 0; i < 40; ++i) {
        boost::asio::co_spawn(
            io,
            deliver(agent, "user" + std::to_string(i)),
            [&](const std::exception_ptr& error, const local::Answer&) {
                EXPECT_FALSE(error);
                ++answered;
            }
        );
    }
    io.poll();
    EXPECT_EQ(helper.size(), 24U);
    EXPECT_EQ(made, 24) << "each has a copy of its message";
    while (!helper.empty()) {
        helper.pop_front();
        io.restart();
        io.poll();
    }
    EXPECT_EQ(answered, 40);
    EXPECT_EQ(made, 40);
}

TEST_F(HelperAgentTest, MakesARequestWhenItIsItsTurn) {
    HelperAgent agent(io.get_executor(), connector());
    for (int i = 0; i < 50; ++i) {
        boost::asio::co_spawn(
            io, deliver(agent), [](const std::exception_ptr&, const local::Answer&) {}
        );
    }
    io.poll();
    EXPECT_EQ(made, 4);
    helper.pop_front();
    io.restart();
    io.poll();
    EXPECT_EQ(made, 5);
    agent.stop();
    helper.clear();
    io.restart();
    io.poll();
    EXPECT_EQ(made, 5);
}

TEST_F(HelperAgentTest, DefersWhatCantBePrepared) {
    HelperAgent agent(io.get_executor(), connector());
    RequestMaker make = []() -> Result<local::Request> {
        return Error::from_errno(ENOSPC, "write");
    };
    boost::asio::co_spawn(
        io,
        agent.deliver("alice", std::move(make)),
        [this](const std::exception_ptr&, local::Answer result) { answer = std::move(result); }
    );
    io.poll();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->outcome.kind, OutcomeKind::deferred);
    EXPECT_THAT(answer->outcome.text, HasSubstr("can't be prepared: write: No space left"));
    EXPECT_THAT(helper, IsEmpty());
}

TEST_F(HelperAgentTest, ReachesAForkedHelperThroughItsChannel) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    const Fd theirs(ends[1]);
    HelperAgent agent(io.get_executor(), connect_through(Fd(ends[0])));
    ask(agent);
    auto packet = local::receive_packet(theirs.get(), 16);
    ASSERT_TRUE(packet && packet->fd);
    const auto asked = local::receive_packet(packet->fd.get(), local::kMaxRequestPacket);
    EXPECT_EQ(local::decode_request(asked->data)->recipient, "alice@host.example");
    ASSERT_TRUE(local::send_packet(packet->fd.get(), local::encode(deferred_answer())));
    go_on();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->outcome.text, "later");
}

}  // namespace

}  // namespace mxpost::deliver
