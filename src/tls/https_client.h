// HttpsClient: one question over HTTPS and its answer (RFC 8461 3.3, RFC 8460 5.4), with libcurl.
//
// A thread of its own, made with the first question, does the work: neither the library's loading
// nor a slow server holds the event loop up. Nothing but what was asked for is done: no redirects,
// no proxies, no cookies, no look-ups (the addresses come with the question, from our resolver).
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include "tls/trust.h"

namespace mxpost::tls {

struct HttpsRequest {
    HttpsRequest() = default;

    std::string host;  // A-labels; the certificate must be good for it (DNS-ID, RFC 6125)
    std::uint16_t port = 443;
    std::string path = "/";
    std::vector<boost::asio::ip::address> addresses;  // the host's, tried as libcurl likes
    std::string content_type;                         // empty: GET; else POST of `content`
    std::string content;
    std::size_t max_reply = 0;  // octets of a body; a larger one is an error
    std::chrono::milliseconds time_limit{10'000};
};

struct HttpsReply {
    HttpsReply() = default;

    enum class Fault : std::uint8_t {
        none,         // there is a reply, of whatever status
        certificate,  // who answers isn't who was asked
        failed        // no connection, no time left, too large, no HTTP
    };
    Fault fault = Fault::none;
    std::string problem;  // one line, for people; empty without a fault
    long status = 0;      // 200
    std::string content_type;
    std::string content;
};

/// The seam for tests.
class HttpsAgent {
public:
    virtual ~HttpsAgent() = default;
    /// Ends within the request's time limit (and what the loading of libcurl takes). Where the one
    /// who waits is cancelled, the reply is `failed`.
    virtual boost::asio::awaitable<HttpsReply> ask(HttpsRequest request) = 0;
};

class HttpsClient final : public HttpsAgent {
public:
    /// `loop` must outlive it, and it the coroutines that ask.
    HttpsClient(boost::asio::any_io_executor loop, TrustSettings trust);
    /// What is under way is given up; nobody is told.
    ~HttpsClient() override;
    HttpsClient(const HttpsClient&) = delete;
    HttpsClient& operator=(const HttpsClient&) = delete;

    boost::asio::awaitable<HttpsReply> ask(HttpsRequest request) override;

private:
    class Exchange;
    class Worker;
    bool start();

    boost::asio::any_io_executor loop_;
    TrustSettings trust_;
    std::unique_ptr<Worker> worker_;
    std::thread thread_;
};

}  // namespace mxpost::tls
