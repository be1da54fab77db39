// A loop with a session and the server that it talks to, for the tests of smtp::Session.
#pragma once

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "smtp/session.h"
#include "support/loopback_server.h"
#include "support/scripted_peer.h"

namespace mxpost::smtp {

namespace asio = boost::asio;
using test::LoopbackServer;
using test::ServerConnection;
using Task = asio::awaitable<void>;

/// Content in memory, read in pieces of `piece`; can fail in the middle.
class MemoryContent final : public mail::Content {
public:
    explicit MemoryContent(std::string text, std::size_t piece = 1 << 20)
        : text_(std::move(text)), piece_(piece), size_(text_.size()) {}

    void fail_at(std::size_t offset) { fail_at_ = offset; }
    void fail_to_rewind() { cannot_rewind_ = true; }
    void claim(std::uint64_t size) { size_ = size; }

    std::uint64_t size() const override { return size_; }
    bool is_eight_bit() const override { return !is_ascii(text_); }
    Result<void> rewind() override {
        offset_ = 0;
        return cannot_rewind_ ? Result<void>(Error::invalid("gone")) : Result<void>();
    }
    Result<std::size_t> read(std::span<char> buffer) override {
        if (offset_ >= fail_at_) {
            return Error::invalid("the file was truncated");
        }
        const auto size = std::min({buffer.size(), text_.size() - offset_, piece_});
        std::copy_n(text_.begin() + static_cast<std::ptrdiff_t>(offset_), size, buffer.begin());
        offset_ += size;
        return size;
    }

private:
    std::string text_;
    std::size_t piece_;
    std::uint64_t size_;
    std::size_t offset_ = 0;
    std::size_t fail_at_ = std::string::npos;
    bool cannot_rewind_ = false;
};

inline const std::string kContent = "Subject: x\r\n\r\n.dot\r\nbye\r\n";
inline const std::string kFramed = "Subject: x\r\n\r\n..dot\r\nbye\r\n";

inline Transaction one_recipient() {
    std::vector<mail::Recipient> recipients;
    recipients.emplace_back(mail::Address("you", "b.example"));
    return Transaction(mail::Address("me", "a.example"), std::move(recipients));
}

/// A loop with a server whose connections the handlers play, and a session to it.
class Lab {
public:
    explicit Lab(std::vector<LoopbackServer::Handler> handlers)
        : server_(loop_, std::move(handlers)) {
        settings.timeouts.quit = std::chrono::milliseconds(500);
    }

    Peer peer() const {
        return Peer("mx.example", asio::ip::address_v4::loopback(), server_.port());
    }

    /// Runs `test` to its end, at most ten seconds.
    void run(const std::function<Task(Session&)>& test) {
        Session session(loop_.get_executor(), settings, &dialogue);
        std::exception_ptr failure;
        bool has_ended = false;
        auto task = test(session);
        asio::co_spawn(loop_, std::move(task), [&](std::exception_ptr exception) {
            failure = exception;
            has_ended = true;
            loop_.stop();
        });
        loop_.run_for(std::chrono::seconds(10));
        EXPECT_TRUE(has_ended);
        EXPECT_FALSE(failure);
        session.close();
    }

    ServerConnection& connection(std::size_t index) { return *server_.connections().at(index); }
    std::size_t connection_count() const { return server_.connections().size(); }
    /// Lets the server read what was left when the client had ended.
    void settle() {
        loop_.restart();
        loop_.run_for(std::chrono::milliseconds(20));
    }

    SessionSettings settings;
    test::TranscriptDialogue dialogue;

private:
    asio::io_context loop_;
    LoopbackServer server_;
};

inline Task greet(ServerConnection& server, std::string keywords) {
    co_await server.say("220 mx.example ESMTP\r\n");
    co_await server.line();
    co_await server.say("250-mx.example\r\n" + keywords + "250 HELP\r\n");
}

/// MAIL, one RCPT, DATA, one after the other.
inline Task take_commands(ServerConnection& server) {
    co_await server.line();
    co_await server.say("250 ok\r\n");
    co_await server.line();
    co_await server.say("250 ok\r\n");
    co_await server.line();
    co_await server.say("354 go\r\n");
}

inline Task take_mail(ServerConnection& server, std::string& content) {
    co_await take_commands(server);
    content = co_await server.content();
    co_await server.say("250 2.0.0 taken\r\n");
}

inline Task take_quit(ServerConnection& server) {
    co_await server.line();
    co_await server.say("221 bye\r\n");
    server.close();
}

inline Task never_called(ServerConnection&) {
    ADD_FAILURE() << "an unexpected connection";
    co_return;
}

}  // namespace mxpost::smtp
