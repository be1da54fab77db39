// Every step of a dialogue made to fail in every way, against a strict server: no recipient is
// ever called delivered whose message that server didn't take, none is tried elsewhere that it may
// have taken, and each has exactly one outcome.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/scripted_peer.h"

namespace mxpost::protocol {
namespace {

using test::FakeServer;
using Want = ClientMachine::Want;

struct Fault {
    std::string name;
    std::string reply;       // "" = close without a word
    bool is_silent = false;  // the client's timer runs out instead
};

void PrintTo(const Fault& fault, std::ostream* out) {
    *out << fault.name;
}

const std::vector<Fault>& faults() {
    static const std::vector<Fault> all = {
        {"Close", ""},
        {"Silence", "", true},
        {"ClosingReply", "421 4.3.2 shutting down\r\n"},
        {"Temporary", "450 4.2.0 not now\r\n"},
        {"Permanent", "550 5.7.1 no\r\n"},
        {"TooMany", "452 4.5.3 too many\r\n"},
        {"Storage", "552 storage\r\n"},
        {"Parameter", "555 what is that?\r\n"},
        {"Unknown", "500 what?\r\n"},
        {"Positive", "250 fine\r\n"},
        {"Intermediate", "354 go on\r\n"},
        {"Greeting", "220 hello again\r\n"},
        {"Twice", "250 one\r\n250 two\r\n"},
        {"Garbage", "\x16\x03\x01 nonsense\r\n"},
        {"HalfReply", "250-first\r\n"},
        {"Mixed", "250-yes\r\n550 no\r\n"},
    };
    return all;
}

std::string path(const mail::Recipient& recipient) {
    return recipient.address.text();
}

Transaction transaction_for(const std::string& prefix) {
    std::vector<mail::Recipient> recipients;
    for (const char* name : {"a", "b", "c"}) {
        recipients.emplace_back(mail::Address(prefix + name, "b.example"));
    }
    return Transaction(mail::Address("me", "a.example"), std::move(recipients));
}

/// Runs the machine until it is idle or finished.
void pump(ClientMachine& machine, FakeServer& server, const Fault& fault, std::size_t piece) {
    const std::string content = "Subject: x\r\n\r\n.body\r\n";
    for (int rounds = 0; rounds < 100; ++rounds) {
        if (machine.want() == Want::content) {
            ASSERT_TRUE(machine.content(content));
            ASSERT_TRUE(machine.content_end());
        } else if (machine.want() != Want::read) {
            return;
        }
        const std::string said = server.hear(std::exchange(machine.output(), {}));
        for (std::size_t i = 0; i < said.size(); i += piece) {
            machine.received(std::string_view(said).substr(i, piece));
        }
        if (said.empty() || server.is_closed()) {
            fault.is_silent ? machine.timed_out() : machine.closed("");
        } else if (fault.name == "HalfReply" && machine.want() == Want::read && machine.output().empty()) {
            machine.timed_out();
        }
    }
    FAIL() << "no end";
}

void check(
    const Transaction& transaction, const TransactionResult& result, const FakeServer& server
) {
    ASSERT_EQ(result.outcomes.size(), transaction.recipients.size());
    for (std::size_t i = 0; i < result.outcomes.size(); ++i) {
        bool has_ended = false;  // the final dot arrived for this recipient
        bool is_taken = false;   // and was answered with 2yz
        for (const auto& message : server.messages()) {
            if (message.recipients.contains(path(transaction.recipients[i]))) {
                EXPECT_EQ(message.content, "Subject: x\r\n\r\n..body\r\n");
                has_ended = true;
                is_taken = message.reply.starts_with("2");
            }
        }
        const auto kind = result.outcomes[i].kind;
        if (kind == mail::OutcomeKind::delivered) {
            EXPECT_TRUE(is_taken);
        }
        if (has_ended && kind == mail::OutcomeKind::deferred &&
            result.outcomes[i].reply_code == 0) {
            EXPECT_FALSE(result.may_try_next_host) << "the server may have it";
        }
        EXPECT_NE(result.outcomes[i].status.klass, 0);
    }
    EXPECT_FALSE(result.is_content_bad);
}

struct Run {
    std::size_t steps = 0;
    std::size_t delivered = 0;
};

enum class Server { step_by_step, pipelining, lmtp };

std::string name_of(Server kind) {
    switch (kind) {
        case Server::step_by_step:
            return "StepByStep";
        case Server::pipelining:
            return "Pipelined";
        default:
            return "Lmtp";
    }
}

Run run(Server kind, std::size_t step, const Fault& fault, std::size_t piece) {
    FakeServer server(kind != Server::step_by_step, kind == Server::lmtp);
    if (step != std::string::npos) {
        server.misbehave(step, fault.reply);
    }
    ClientSettings settings("me.example");
    settings.dialect = kind == Server::lmtp ? Dialect::lmtp : Dialect::smtp;
    ClientMachine machine(settings);
    Run run;
    const std::string greeting = server.greet();
    machine.received(greeting);
    if (greeting.empty() || server.is_closed()) {
        fault.is_silent ? machine.timed_out() : machine.closed("");
    } else if (fault.name == "HalfReply" && step == 0) {
        machine.timed_out();
    }
    pump(machine, server, fault, piece);
    EXPECT_EQ(machine.want() == Want::idle, !machine.trouble().has_value());
    for (const std::string prefix : {"1", "2"}) {
        if (machine.want() != Want::idle) {
            break;
        }
        auto transaction = transaction_for(prefix);
        transaction.content_size = 21;
        machine.start(transaction);
        pump(machine, server, fault, piece);
        const auto result = machine.result();
        EXPECT_EQ(result.is_session_usable, machine.want() == Want::idle);
        check(transaction, result, server);
        for (const auto& outcome : result.outcomes) {
            run.delivered += outcome.kind == mail::OutcomeKind::delivered ? 1 : 0;
        }
    }
    if (machine.want() == Want::idle) {
        EXPECT_FALSE(machine.trouble());
        machine.quit();
        pump(machine, server, fault, piece);
        EXPECT_FALSE(machine.trouble());
    }
    EXPECT_EQ(machine.want(), Want::finished);
    EXPECT_EQ(server.violations(), std::vector<std::string>());
    run.steps = server.steps();
    return run;
}

class Faults : public ::testing::TestWithParam<std::tuple<Server, Fault>> {};

TEST_P(Faults, AtEveryStepLeaveOneTrueOutcomePerRecipient) {
    const auto& [kind, fault] = GetParam();
    const auto good = run(kind, std::string::npos, fault, 1000);
    ASSERT_EQ(good.delivered, 6U);
    // greeting, EHLO, 2 × (MAIL, 3 RCPT, DATA, dot), QUIT; LMTP: 3 replies to the dot
    ASSERT_EQ(good.steps, kind == Server::lmtp ? 19U : 15U);
    for (std::size_t step = 0; step < good.steps; ++step) {
        for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}}) {
            SCOPED_TRACE("step " + std::to_string(step) + " piece " + std::to_string(piece));
            run(kind, step, fault, piece);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Client,
    Faults,
    ::testing::Combine(
        ::testing::Values(Server::step_by_step, Server::pipelining, Server::lmtp),
        ::testing::ValuesIn(faults())
    ),
    [](const auto& instance) {
        return std::get<1>(instance.param).name + name_of(std::get<0>(instance.param));
    }
);

}  // namespace
}  // namespace mxpost::protocol
