// Every step of a dialogue made to fail in every way, against a strict server: no recipient is
// ever called delivered whose message that server didn't take, none is tried elsewhere that it may
// have taken, and each has exactly one outcome.
#include <algorithm>
#include <deque>
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
    std::string reply;           // "" = close without a word
    bool is_silent = false;      // the client's timer runs out instead
    bool is_unfinished = false;  // no reply ends in it: the client's timer runs out behind it
};

void PrintTo(const Fault& fault, std::ostream* out) {
    *out << fault.name;
}

std::string repeated(std::string_view text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) {
        all += text;
    }
    return all;
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
        {"HalfReply", "250-first\r\n", false, true},
        {"WithoutEndOfLine", "250 fine", false, true},
        {"Mixed", "250-yes\r\n550 no\r\n"},
        {"MixedWithinAClass", "250-yes\r\n251 too\r\n"},
        {"LineFeed", "250-fine\n250 \n"},
        {"Code099", "099 low\r\n"},
        {"Code999", "999 high\r\n"},
        {"NoSpace", "250ok\r\n"},
        {"Nul", std::string("250 a\0b\r\n\0", 10)},
        {"Escapes",
         "550-\x1b]0;t\x07\r\n550 5.1.1 \x9b"
         "31m \xc2\x9b"
         "31m gr\xc3\xbc\xc3\x9f \xff\r \r\n"},
        {"LongLine", "250 " + std::string(20000, 'x')},
        {"LongReply", repeated("250-" + std::string(4000, 'x') + "\r\n", 20)},
        {"LinesWithoutEnd", repeated("250-x\r\n", 300)},
        {"Flood", repeated("250 x\r\n", 300)},
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
    Transaction transaction(mail::Address("me", "a.example"), std::move(recipients));
    transaction.content_size = 21;
    return transaction;
}

const std::string kContent = "Subject: x\r\n\r\n.body\r\n";

void fill_content(ClientMachine& machine, std::deque<Transaction>& followers) {
    ASSERT_TRUE(machine.content(kContent));
    ASSERT_TRUE(machine.content_end());
    if (machine.may_follow() && !followers.empty()) {
        machine.start(followers.front());
        followers.pop_front();
    }
}

/// Runs the machine until it is idle or finished.
void pump(
    ClientMachine& machine,
    FakeServer& server,
    const Fault& fault,
    std::size_t piece,
    std::deque<Transaction>& followers
) {
    for (int rounds = 0; rounds < 100; ++rounds) {
        if (machine.want() == Want::content) {
            fill_content(machine, followers);
        } else if (machine.want() != Want::read) {
            return;
        }
        const std::string said = server.hear(std::exchange(machine.output(), {}));
        for (std::size_t i = 0; i < said.size(); i += piece) {
            machine.received(std::string_view(said).substr(i, piece));
        }
        if (said.empty() || server.is_closed()) {
            fault.is_silent ? machine.timed_out() : machine.closed("");
        } else if (fault.is_unfinished && machine.want() == Want::read && machine.output().empty()) {
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
                EXPECT_TRUE(
                    message.content == kContent || message.content == "Subject: x\r\n\r\n..body\r\n"
                ) << message.content;
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
        if (result.is_unattempted) {
            EXPECT_FALSE(has_ended);
            EXPECT_EQ(kind, mail::OutcomeKind::deferred);
            EXPECT_TRUE(result.may_try_next_host);
        }
        EXPECT_NE(result.outcomes[i].status.klass, 0);
        EXPECT_LE(result.outcomes[i].text.size(), mail::kMaxOutcomeText);
        EXPECT_NE(result.outcomes[i].step, mail::Step::none);
    }
    EXPECT_FALSE(result.is_content_bad);
}

struct Run {
    std::size_t steps = 0;
    std::size_t delivered = 0;
};

enum class Server { step_by_step, pipelining, following, chunking, lmtp };

std::string name_of(Server kind) {
    switch (kind) {
        case Server::step_by_step:
            return "StepByStep";
        case Server::pipelining:
            return "Pipelined";
        case Server::following:
            return "Following";
        case Server::chunking:
            return "Chunked";
        default:
            return "Lmtp";
    }
}

Run run(Server kind, std::size_t step, const Fault& fault, std::size_t piece) {
    FakeServer server(kind != Server::step_by_step, kind == Server::lmtp, kind == Server::chunking);
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
    } else if (fault.is_unfinished && step == 0) {
        machine.timed_out();
    }
    std::deque<Transaction> nobody;
    pump(machine, server, fault, piece, nobody);
    EXPECT_EQ(machine.want() == Want::idle, !machine.trouble().has_value());
    std::deque<Transaction> waiting = {transaction_for("1"), transaction_for("2")};
    while (machine.want() == Want::idle && !waiting.empty()) {
        const Transaction next = waiting.front();
        waiting.pop_front();
        machine.start(next);
        pump(machine, server, fault, piece, kind == Server::following ? waiting : nobody);
        EXPECT_EQ(machine.result().is_session_usable, machine.want() == Want::idle);
        while (const auto finished = machine.take_finished()) {
            check(finished->transaction, finished->result, server);
            for (const auto& outcome : finished->result.outcomes) {
                run.delivered += outcome.kind == mail::OutcomeKind::delivered ? 1 : 0;
            }
        }
    }
    if (machine.want() == Want::idle) {
        EXPECT_FALSE(machine.trouble());
        machine.quit();
        pump(machine, server, fault, piece, nobody);
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
    // greeting, EHLO, 2 × (MAIL, 3 RCPT, DATA, dot), QUIT; BDAT: one for all; LMTP: 3 replies to
    // the dot
    ASSERT_EQ(good.steps, kind == Server::lmtp ? 19U : kind == Server::chunking ? 13U : 15U);
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
        ::testing::Values(
            Server::step_by_step,
            Server::pipelining,
            Server::following,
            Server::chunking,
            Server::lmtp
        ),
        ::testing::ValuesIn(faults())
    ),
    [](const auto& instance) {
        return std::get<1>(instance.param).name + name_of(std::get<0>(instance.param));
    }
);

/// What it takes to be heard out: `bytes` again and again, as a socket gives them.
std::size_t octets_heard(ClientMachine& machine, std::string_view bytes) {
    std::size_t heard = 0;
    while (machine.want() == Want::read && heard < (std::size_t{10} << 20)) {
        machine.output().clear();
        machine.output_written();
        machine.received(bytes);
        heard += bytes.size();
    }
    return heard;
}

class Floods : public ::testing::TestWithParam<std::pair<const char*, std::string>> {};

/// Ten megabytes of anything, at each step: the session is over after the first few.
TEST_P(Floods, AreNotHeardOut) {
    const std::string& flood = GetParam().second;
    for (std::size_t steps = 0; steps < 8; ++steps) {
        SCOPED_TRACE("behind step " + std::to_string(steps));
        FakeServer server(false);
        ClientMachine machine(ClientSettings("me.example"));
        std::string said = server.greet();
        for (std::size_t step = 0; step < steps; ++step) {
            machine.received(said);
            if (machine.want() == Want::idle) {
                machine.start(transaction_for("1"));
            }
            if (machine.want() == Want::content) {
                std::deque<Transaction> nobody;
                fill_content(machine, nobody);
            }
            said = server.hear(std::exchange(machine.output(), {}));
        }
        EXPECT_EQ(machine.want(), Want::read);
        EXPECT_LE(octets_heard(machine, flood), 3 * ReplyParser::kMaxTotal);
        EXPECT_EQ(machine.want(), Want::finished);
        EXPECT_LE(machine.trouble().value_or(mail::RecipientOutcome()).text.size(), 100U);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Client,
    Floods,
    ::testing::Values(
        std::pair("ALineWithoutEnd", "220 " + std::string(16380, 'x')),
        std::pair("ALineOfNuls", std::string(16384, '\0')),
        std::pair("LinesWithoutEnd", repeated("250-" + std::string(2041, 'x') + "\r\n", 8)),
        std::pair("ShortLinesWithoutEnd", repeated("250-\r\n", 2048)),
        std::pair("Replies", repeated("250 x\r\n", 2048)),
        std::pair("RepliesThatAskForMore", repeated("354 x\r\n", 2048)),
        std::pair("EmptyLines", repeated("\r\n", 8192))
    ),
    [](const auto& instance) { return instance.param.first; }
);

/// A connection that breaks after so many octets one way or the other.
struct Break {
    std::size_t client = std::string::npos;  // of the client's arrive
    std::size_t server = std::string::npos;  // of the server's
    bool is_seen_writing = false;            // the client's write fails
};

struct Octets {
    std::size_t client = 0;
    std::size_t server = 0;
};

/// One for each message that was started: delivered to all, or not; and whether it may be tried at
/// once.
class BrokenRun {
public:
    BrokenRun(Server kind, Break where)
        : server_(true, false, kind == Server::chunking),
          machine_(ClientSettings("me.example")),
          where_(where) {
        if (kind == Server::following) {
            followers_.push_back(transaction_for("2"));
        }
        hear(server_.greet());
        while (machine_.want() != Want::idle && machine_.want() != Want::finished) {
            step();
        }
        if (machine_.want() == Want::idle) {
            machine_.start(transaction_for("1"));
        }
        while (machine_.want() != Want::idle && machine_.want() != Want::finished) {
            step();
        }
        while (auto finished = machine_.take_finished()) {
            check(finished->transaction, finished->result, server_);
            check_exactly(*finished);
            ++messages_;
        }
        EXPECT_EQ(server_.violations(), std::vector<std::string>());
    }

    Octets octets() const { return octets_; }
    int messages() const { return messages_; }
    int delivered() const { return delivered_; }

private:
    void step() {
        if (machine_.want() == Want::content) {
            fill_content(machine_, followers_);
        }
        const std::string written = machine_.output();
        const std::size_t size = std::min(written.size(), where_.client - octets_.client);
        const std::string said = server_.hear(std::string_view(written).substr(0, size));
        octets_.client += size;
        if (size < written.size() && where_.is_seen_writing) {
            note_replies(said);
            machine_.write_failed("reset", size, said);
            return;
        }
        machine_.output_written();
        hear(said);
        if (size < written.size()) {
            machine_.closed("");
        }
    }

    void hear(const std::string& said) {
        const std::size_t size = std::min(said.size(), where_.server - octets_.server);
        octets_.server += size;
        note_replies(said.substr(0, size));
        machine_.received(std::string_view(said).substr(0, size));
        if (size < said.size()) {
            machine_.closed("reset");
        }
    }

    void note_replies(const std::string& heard) { heard_ += heard; }

    /// All that the client was told of a message's end counts, and nothing else.
    void check_exactly(const ClientMachine::Finished& finished) {
        const std::string mine = path(finished.transaction.recipients[0]);
        bool has_ended = false;
        bool is_told = false;
        std::size_t end_replies = 0;  // "250 taken", in order
        std::size_t position = 0;
        for (const auto& message : server_.messages()) {
            position = heard_.find("250 taken\r\n", end_replies);
            end_replies = position == std::string::npos ? heard_.size() : position + 1;
            if (message.recipients.contains(mine)) {
                has_ended = true;
                is_told = position != std::string::npos;
            }
        }
        const bool is_delivered = finished.result.outcomes[0].kind == mail::OutcomeKind::delivered;
        EXPECT_EQ(is_delivered, is_told);
        delivered_ += is_delivered ? 1 : 0;
        if (!is_delivered) {
            EXPECT_EQ(finished.result.outcomes[0].kind, mail::OutcomeKind::deferred);
            EXPECT_FALSE(has_ended && finished.result.may_try_next_host);
        }
    }

    FakeServer server_;
    ClientMachine machine_;
    Break where_;
    std::deque<Transaction> followers_;
    Octets octets_;
    std::string heard_;
    int messages_ = 0;
    int delivered_ = 0;
};

class Breaks : public ::testing::TestWithParam<Server> {};

TEST_P(Breaks, AtEveryOctetLeaveOneTrueOutcomePerMessage) {
    const int count = GetParam() == Server::following ? 2 : 1;
    const BrokenRun whole(GetParam(), {});
    ASSERT_EQ(whole.messages(), count);
    ASSERT_EQ(whole.delivered(), count);
    for (std::size_t i = 0; i <= whole.octets().server; ++i) {
        SCOPED_TRACE("server's octet " + std::to_string(i));
        BrokenRun(GetParam(), {std::string::npos, i});
    }
    for (const bool is_seen_writing : {false, true}) {
        for (std::size_t i = 0; i < whole.octets().client; ++i) {
            SCOPED_TRACE("client's octet " + std::to_string(i));
            BrokenRun(GetParam(), {i, std::string::npos, is_seen_writing});
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Client,
    Breaks,
    ::testing::Values(Server::pipelining, Server::following, Server::chunking),
    [](const auto& instance) { return name_of(instance.param); }
);

}  // namespace
}  // namespace mxpost::protocol
