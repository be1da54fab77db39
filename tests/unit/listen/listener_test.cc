#include "listen/listener.h"

#include <atomic>
#include <optional>
#include <set>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <poll.h>
#include <sys/socket.h>

#include "unit/spool/spool_test.h"

namespace mxpost::listen {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

/// A client with blocking calls, each bounded in time.
class Client {
public:
    explicit Client(const config::ListenAddress& to) {
        const SocketAddress address = socket_address(to);
        socket_ = Fd(::socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(socket_.get(), address.get(), address.size), 0);
    }
    void send(std::string_view text) {
        while (!text.empty()) {
            const ssize_t size = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (size <= 0) {
                return;
            }
            text.remove_prefix(static_cast<std::size_t>(size));
        }
    }
    /// The last line of the next reply; empty at the end.
    std::string reply() {
        for (;;) {
            const std::size_t end = input_.find("\r\n");
            if (end != std::string::npos) {
                const std::string line = input_.substr(0, end);
                input_.erase(0, end + 2);
                if (line.size() < 4 || line[3] != '-') {
                    return line;
                }
            } else if (!receive()) {
                return "";
            }
        }
    }
    std::string say(const std::string& line) {
        send(line + "\r\n");
        return reply();
    }
    /// All that comes until the server ends.
    std::string rest() {
        while (receive()) {
        }
        return std::exchange(input_, {});
    }
    void close() { socket_.reset(); }

private:
    bool receive() {
        pollfd event{socket_.get(), POLLIN, 0};
        if (::poll(&event, 1, 20'000) != 1) {
            ADD_FAILURE() << "the server says nothing";
            return false;
        }
        std::array<char, 4096> buffer{};
        const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
        input_.append(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
        return size > 0;
    }

    Fd socket_;
    std::string input_;
};

class ListenerTest : public spool::SpoolTest {
protected:
    ListenerTest() {
        settings_.listen = config::parse_listen_addresses(root_ / "submit.sock").value();
        settings_.min_free_space = 0;
    }
    ~ListenerTest() override { end(); }

    /// `runs` false: connections wait until run().
    void start(FileSystem& files, bool runs = true) {
        around_.emplace(submit::Surroundings{
            files,
            system_clock_,
            system_random_,
            log_,
            settings_,
            submit::Identity{::getuid(), "mxpost", "", ""},
            submit::HostNames{"corp.example", "host.example"},
            root_.path(),
            ""});
        Outlet outlet;
        outlet.box = [this]() -> Result<const spool::Box*> { return &box_; };
        outlet.queued = [this] { return messages().size(); };
        outlet.expect = [this](const spool::MessageId& id) { expected_.insert(id); };
        outlet.accepted = [this](const spool::EntryName& name) {
            expected_.erase(name.id);
            // Safe, unlocked and whole: an engine would take it now.
            was_unlocked_ = was_unlocked_ && store_.claim(name).claim != nullptr;
            ++accepted_;
        };
        outlet.withdrawn = [this](const spool::MessageId& id) { expected_.erase(id); };
        auto doors = open_doors(settings_.listen, {}, [](std::string_view) {});
        ASSERT_TRUE(doors) << doors.error().message();
        listener_ = std::make_unique<Listener>(
            io_.get_executor(), std::move(*doors), nullptr, *around_, std::move(outlet)
        );
        if (runs) {
            run();
        }
    }
    void run() {
        listener_->start();
        thread_ = std::thread([this] { io_.run(); });
    }
    /// Told to end, and ended.
    void end() {
        if (thread_.joinable()) {
            boost::asio::post(io_, [this] { listener_->stop(); });
            thread_.join();
        }
    }

    Client connect() { return Client(settings_.listen.front()); }
    static std::string send_message(Client& client, const std::string& recipient) {
        EXPECT_THAT(client.say("MAIL FROM:<app@corp.example>"), StartsWith("250 "));
        EXPECT_THAT(client.say("RCPT TO:<" + recipient + ">"), StartsWith("250 "));
        EXPECT_THAT(client.say("DATA"), StartsWith("354 "));
        return client.say("Subject: hello\r\n\r\nbody\r\n.");
    }
    std::vector<std::string> messages() {
        std::vector<std::string> found;
        for (const std::string& name : names()) {
            if (spool::EntryName::parse(name)) {
                found.push_back(name);
            }
        }
        return found;
    }

    config::Settings settings_;
    SystemClock system_clock_;
    SystemRandom system_random_;
    NullLog log_;
    std::optional<submit::Surroundings> around_;
    boost::asio::io_context io_{1};
    std::unique_ptr<Listener> listener_;
    std::thread thread_;
    std::set<spool::MessageId> expected_;
    std::size_t accepted_ = 0;
    bool was_unlocked_ = true;
};

TEST_F(ListenerTest, AcceptsMessagesAndHandsThemOnUnlocked) {
    start(posix_);
    Client client = connect();
    EXPECT_THAT(client.reply(), StartsWith("220 host.example "));
    EXPECT_THAT(client.say("EHLO app.corp.example"), StartsWith("250 "));
    EXPECT_THAT(send_message(client, "bob@example.org"), StartsWith("250 2.0.0 queued as "));
    EXPECT_THAT(send_message(client, "eve@example.org"), StartsWith("250 2.0.0 queued as "));
    EXPECT_THAT(client.say("QUIT"), StartsWith("221 "));
    EXPECT_EQ(client.rest(), "");
    end();
    EXPECT_EQ(accepted_, 2U);
    EXPECT_TRUE(was_unlocked_);
    EXPECT_THAT(expected_, IsEmpty());
    ASSERT_THAT(messages(), SizeIs(2));
    const auto claimed = store_.claim(*spool::EntryName::parse(messages().front()));
    ASSERT_NE(claimed.claim, nullptr) << claimed.reason;
    // Who sent it is what the kernel says of the Unix socket's other end.
    EXPECT_THAT(
        claimed.claim->header(),
        HasSubstr(
            "from app.corp.example\r\n\tby host.example (mxpost, from userid " +
            std::to_string(::getuid()) + ") with ESMTP"
        )
    );
}

TEST_F(ListenerTest, TakesNothingThatItCantMakeSafe) {
    struct Failure {
        const char* call;
        std::size_t nth;
    };
    for (const Failure& failure : {Failure{"write", 1}, {"fsync", 1}, {"link", 1}, {"fsync", 2}}) {
        SCOPED_TRACE(failure.call);
        test::FailingFileSystem files(posix_);
        files.fail(failure.nth, EIO, failure.call);
        start(files);
        Client client = connect();
        client.reply();
        client.say("HELO app");
        EXPECT_THAT(send_message(client, "bob@example.org"), StartsWith("451 4.3.0 "));
        client.say("QUIT");
        end();
        EXPECT_THAT(messages(), IsEmpty());
        EXPECT_THAT(expected_, IsEmpty());
        EXPECT_EQ(accepted_, 0U);
        io_.restart();
    }
}

TEST_F(ListenerTest, TakesNoMoreThanTheQueueMayHave) {
    settings_.max_queued_messages = 1;
    start(posix_);
    Client client = connect();
    client.reply();
    client.say("EHLO x");
    EXPECT_THAT(send_message(client, "bob@example.org"), StartsWith("250 "));
    EXPECT_THAT(client.say("MAIL FROM:<app@corp.example>"), StartsWith("452 4.3.1 "));
    ASSERT_TRUE(posix_.unlink(box_.directory(), messages().front()));
    EXPECT_THAT(client.say("MAIL FROM:<app@corp.example>"), StartsWith("250 "));
}

TEST_F(ListenerTest, SendsAwayWhoSpeaksFirst) {
    start(posix_, false);
    Client client = connect();
    client.send("MAIL FROM:<a@corp.example>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n");
    run();
    const std::string heard = client.rest();
    EXPECT_THAT(heard, StartsWith("554 "));
    EXPECT_EQ(heard.find("\r\n"), heard.size() - 2) << heard;
}

TEST_F(ListenerTest, LeavesNothingOfAClientThatGoesAtAnyOctet) {
    const std::string dialogue =
        "EHLO x\r\nMAIL FROM:<a@corp.example>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
        "Subject: cut\r\n\r\nbody\r\n.\r\n";
    start(posix_);
    std::size_t heard_of = 0;
    for (std::size_t size = 0; size <= dialogue.size(); ++size) {
        Client client = connect();
        client.reply();
        client.send(dialogue.substr(0, size));
        if (size == dialogue.size()) {
            client.say("QUIT");
            ++heard_of;
        }
        client.close();
    }
    end();
    EXPECT_EQ(listener_->connections(), 0U);
    EXPECT_EQ(accepted_, heard_of);
    EXPECT_THAT(messages(), SizeIs(heard_of));
    EXPECT_THAT(expected_, IsEmpty());
}

TEST_F(ListenerTest, AnswersAFloodOfPipelinedCommands) {
    constexpr std::size_t kCommands = 20'000;
    settings_.listen_max_errors = 1'000'000;
    start(posix_);
    Client client = connect();
    client.reply();
    client.say("EHLO x");
    std::string flood;
    for (std::size_t i = 0; i < kCommands; ++i) {
        flood += "MAIL\r\n";
    }
    std::thread writer([&] { client.send(flood); });
    for (std::size_t i = 0; i < kCommands; ++i) {
        ASSERT_THAT(client.reply(), StartsWith("501 "));
    }
    writer.join();
    EXPECT_THAT(client.say("NOOP"), StartsWith("250 "));
}

TEST_F(ListenerTest, TellsIdleClientsThatItEnds) {
    start(posix_);
    Client idle = connect();
    Client begun = connect();
    idle.reply();
    begun.reply();
    begun.say("EHLO x");
    begun.say("MAIL FROM:<a@corp.example>");
    begun.say("RCPT TO:<b@example.org>");
    begun.say("DATA");
    boost::asio::post(io_, [this] { listener_->stop(); });
    EXPECT_THAT(idle.rest(), StartsWith("421 4.3.2 "));
    begun.send("Subject: late\r\n\r\nbody\r\n.\r\n");
    EXPECT_THAT(begun.reply(), StartsWith("250 2.0.0 "));
    EXPECT_THAT(begun.reply(), StartsWith("421 4.3.2 "));
    end();
    EXPECT_THAT(messages(), SizeIs(1));
}

TEST_F(ListenerTest, ServesManyClientsAtATime) {
    constexpr int kClients = 20;
    constexpr int kMessages = 15;
    start(posix_);
    std::atomic<int> acknowledged = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < kClients; ++i) {
        threads.emplace_back([&] {
            Client client = connect();
            client.reply();
            client.say("EHLO x");
            for (int n = 0; n < kMessages; ++n) {
                acknowledged += send_message(client, "bob@example.org").starts_with("250 ") ? 1 : 0;
            }
            client.say("QUIT");
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    end();
    EXPECT_EQ(acknowledged, kClients * kMessages);
    EXPECT_EQ(accepted_, std::size_t{kClients * kMessages});
    EXPECT_TRUE(was_unlocked_);
    EXPECT_THAT(messages(), SizeIs(kClients * kMessages));
}

TEST_F(ListenerTest, CanBeDestroyedWhileMessagesAreComingIn) {
    start(posix_);
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 10; ++i) {
        clients.push_back(std::make_unique<Client>(settings_.listen.front()));
        clients.back()->reply();
        clients.back()->say("EHLO x");
        clients.back()->say("MAIL FROM:<a@corp.example>");
        clients.back()->say("RCPT TO:<b@example.org>");
        clients.back()->say("DATA");
        clients.back()->send("Subject: cut off\r\n\r\nbody\r\n.\r\n");
    }
    io_.stop();
    thread_.join();
    listener_.reset();
    EXPECT_LE(accepted_, messages().size());
}

}  // namespace
}  // namespace mxpost::listen
