#include "tls/https_client.h"

#include <array>
#include <atomic>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/certificate.h"
#include "support/temporary_directory.h"

namespace mxpost::tls {
namespace {

namespace asio = boost::asio;
using testing::HasSubstr;
using testing::StartsWith;
using Fault = HttpsReply::Fault;

const std::string kHost = "mta-sts.example.com";

/// Answers each connection with the same octets, in a thread of its own.
class HttpsServer {
public:
    HttpsServer(const test::Certificate& certificate, std::string reply)
        : context_(certificate.server_context()),
          reply_(std::move(reply)),
          acceptor_(io_, {asio::ip::address_v4::loopback(), 0}),
          thread_([this] { run(); }) {}
    HttpsServer(const HttpsServer&) = delete;
    HttpsServer& operator=(const HttpsServer&) = delete;
    ~HttpsServer() {
        is_ending_ = true;
        boost::system::error_code ignored;
        asio::ip::tcp::socket(io_).connect(acceptor_.local_endpoint(), ignored);
        thread_.join();
    }

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    /// The head of the last request and what came with it; after the reply was read.
    std::string request() const {
        const std::lock_guard lock(mutex_);
        return request_;
    }

private:
    void run() {
        while (!is_ending_) {
            boost::system::error_code error;
            asio::ip::tcp::socket socket(io_);
            acceptor_.accept(socket, error);
            if (!error && !is_ending_) {
                talk(socket);
            }
        }
    }
    void talk(asio::ip::tcp::socket& socket) {
        boost::system::error_code error;
        asio::ssl::stream<asio::ip::tcp::socket&> stream(socket, SSL_new(context_.get()));
        stream.handshake(asio::ssl::stream_base::server, error);
        std::string request;
        std::array<char, 4096> buffer{};
        while (!error && request.find("\r\n\r\n") == std::string::npos) {
            request.append(buffer.data(), stream.read_some(asio::buffer(buffer), error));
        }
        {
            const std::lock_guard lock(mutex_);
            request_ = request;
        }
        if (reply_.empty()) {
            (void)stream.read_some(asio::buffer(buffer), error);  // until the client has had enough
            return;
        }
        asio::write(stream, asio::buffer(reply_), error);
        stream.shutdown(error);
    }

    test::OpenSslPointer<SSL_CTX> context_;
    std::string reply_;
    mutable std::mutex mutex_;
    std::string request_;
    std::atomic<bool> is_ending_ = false;
    asio::io_context io_;
    asio::ip::tcp::acceptor acceptor_;
    std::thread thread_;
};

std::string ok(const std::string& content, const std::string& more = "") {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" + more +
           "Content-Length: " + std::to_string(content.size()) + "\r\n\r\n" + content;
}

class HttpsClientTest : public testing::Test {
protected:
    HttpsClientTest() { trust(certificate_); }

    void trust(const test::Certificate& certificate) {
        trust_.ca_file = directory_ / "ca.pem";
        std::ofstream(trust_.ca_file) << certificate.pem();
    }
    HttpsRequest request_to(std::uint16_t port) const {
        HttpsRequest request;
        request.host = kHost;
        request.port = port;
        request.path = "/.well-known/mta-sts.txt";
        request.addresses = {asio::ip::make_address("127.0.0.1")};
        request.max_reply = 1000;
        return request;
    }
    HttpsReply ask(HttpsRequest request) {
        asio::io_context context(1);
        HttpsClient client(context.get_executor(), trust_);
        std::optional<HttpsReply> reply;
        asio::co_spawn(
            context,
            client.ask(std::move(request)),
            [&](std::exception_ptr failure, HttpsReply result) {
                EXPECT_FALSE(failure);
                reply = std::move(result);
            }
        );
        context.run();
        return reply.value();
    }
    HttpsReply ask(const HttpsServer& server) { return ask(request_to(server.port())); }

    test::TemporaryDirectory directory_;
    test::Certificate certificate_{"DNS:" + kHost};
    TrustSettings trust_;
};

TEST_F(HttpsClientTest, GetsWhatIsThere) {
    const HttpsServer server(certificate_, ok("version: STSv1\n"));
    const HttpsReply reply = ask(server);
    EXPECT_EQ(reply.fault, Fault::none) << reply.problem;
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.content_type, "text/plain");
    EXPECT_EQ(reply.content, "version: STSv1\n");
    EXPECT_THAT(server.request(), StartsWith("GET /.well-known/mta-sts.txt HTTP/1.1\r\n"));
    EXPECT_THAT(server.request(), HasSubstr("Host: mta-sts.example.com:"));
}

TEST_F(HttpsClientTest, PostsWhatItIsGiven) {
    const HttpsServer server(certificate_, ok("thanks"));
    HttpsRequest request = request_to(server.port());
    request.content_type = "application/tlsrpt+gzip";
    request.content = std::string("a\0b", 3);
    const HttpsReply reply = ask(std::move(request));
    EXPECT_EQ(reply.status, 200) << reply.problem;
    EXPECT_THAT(server.request(), StartsWith("POST /"));
    EXPECT_THAT(server.request(), HasSubstr("\r\nContent-Type: application/tlsrpt+gzip\r\n"));
    EXPECT_THAT(server.request(), HasSubstr("\r\nContent-Length: 3\r\n"));
}

TEST_F(HttpsClientTest, ManyAtOnceAndAgainLater) {
    const HttpsServer server(certificate_, ok("x"));
    asio::io_context context(1);
    HttpsClient client(context.get_executor(), trust_);
    for (int round = 0; round < 2; ++round) {
        int done = 0;
        for (int i = 0; i < 8; ++i) {
            asio::co_spawn(
                context,
                client.ask(request_to(server.port())),
                [&](const std::exception_ptr& failure, const HttpsReply& reply) {
                    EXPECT_FALSE(failure);
                    done += reply.content == "x" ? 1 : 0;
                }
            );
        }
        context.restart();
        context.run();
        EXPECT_EQ(done, 8);
    }
}

TEST_F(HttpsClientTest, FollowsNoRedirect) {
    const HttpsServer other(certificate_, ok("secret"));
    const HttpsServer server(
        certificate_,
        "HTTP/1.1 301 Moved\r\nLocation: https://" + kHost + ":" + std::to_string(other.port()) +
            "/\r\nContent-Length: 0\r\n\r\n"
    );
    const HttpsReply reply = ask(server);
    EXPECT_EQ(reply.status, 301);
    EXPECT_EQ(reply.content, "");
    EXPECT_EQ(other.request(), "");
}

TEST_F(HttpsClientTest, TakesNoMoreThanAsked) {
    for (const std::string& text :
         {ok(std::string(1001, 'x')),
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + std::string(500'000, 'x'),
          ok("x",
             "X: " + std::string(60'000, 'x') + "\r\nY: " + std::string(60'000, 'y') + "\r\n")}) {
        const HttpsServer server(certificate_, text);
        const HttpsReply reply = ask(server);
        EXPECT_EQ(reply.fault, Fault::failed);
        EXPECT_EQ(reply.problem, "the reply is too large");
    }
    const HttpsServer server(certificate_, ok(std::string(1000, 'x')));
    EXPECT_EQ(ask(server).content.size(), 1000U);
}

TEST_F(HttpsClientTest, NobodyElsesCertificateDoes) {
    const std::pair<test::Certificate, const char*> table[] = {
        {test::Certificate("DNS:" + kHost, -60), "expired"},
        {test::Certificate("DNS:example.com"), "ostname mismatch"},
        {test::Certificate("DNS:*.other.example"), "ostname mismatch"},
        {test::Certificate("IP:127.0.0.1"), "ostname mismatch"}};
    for (const auto& [certificate, problem] : table) {
        trust(certificate);
        const HttpsServer server(certificate, ok("x"));
        const HttpsReply reply = ask(server);
        EXPECT_EQ(reply.fault, Fault::certificate) << problem;
        EXPECT_THAT(reply.problem, HasSubstr(problem));
        EXPECT_EQ(server.request(), "");
    }
    trust(test::Certificate("DNS:" + kHost));
    const HttpsServer server(certificate_, ok("x"));
    const HttpsReply reply = ask(server);
    EXPECT_EQ(reply.fault, Fault::certificate);
    EXPECT_THAT(reply.problem, HasSubstr("self"));
}

TEST_F(HttpsClientTest, AWildcardForOneLabelDoes) {
    const test::Certificate certificate("DNS:*.example.com");
    trust(certificate);
    const HttpsServer server(certificate, ok("x"));
    EXPECT_EQ(ask(server).content, "x");
}

TEST_F(HttpsClientTest, WhatDoesntComeInTimeIsGivenUp) {
    const HttpsServer server(certificate_, "");
    HttpsRequest request = request_to(server.port());
    request.time_limit = std::chrono::milliseconds(300);
    const HttpsReply reply = ask(std::move(request));
    EXPECT_EQ(reply.fault, Fault::failed);
    EXPECT_THAT(reply.problem, HasSubstr("timed out"));
}

TEST_F(HttpsClientTest, SaysWhatWentWrong) {
    std::uint16_t free_port = 0;
    {
        asio::io_context io;
        const asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
        free_port = acceptor.local_endpoint().port();
    }
    EXPECT_THAT(ask(request_to(free_port)).problem, HasSubstr("onnect"));
    HttpsRequest nowhere = request_to(free_port);
    nowhere.addresses.clear();
    EXPECT_EQ(ask(std::move(nowhere)).problem, "no address is known");
    trust_.ca_file = directory_ / "missing";
    EXPECT_THAT(ask(request_to(free_port)).problem, HasSubstr("certificates can't be loaded"));
}

TEST_F(HttpsClientTest, TheEndWaitsForNobody) {
    const HttpsServer server(certificate_, "");
    asio::io_context context(1);
    const auto begin = std::chrono::steady_clock::now();
    {
        HttpsClient client(context.get_executor(), trust_);
        asio::co_spawn(context, client.ask(request_to(server.port())), asio::detached);
        context.run_for(std::chrono::milliseconds(100));
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(8));
}

}  // namespace
}  // namespace mxpost::tls
