// FakeHttps: an HttpsAgent that answers from what the test put in, and records what it was asked.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio.hpp>

#include "tls/https_client.h"

namespace mxpost::test {

class FakeHttps final : public tls::HttpsAgent {
public:
    /// From now on, for this host.
    void reply(
        const std::string& host,
        long status,
        const std::string& content,
        const std::string& content_type = "text/plain"
    ) {
        tls::HttpsReply reply;
        reply.status = status;
        reply.content_type = content_type;
        reply.content = content;
        replies_[host] = std::move(reply);
    }
    void fail(const std::string& host, tls::HttpsReply::Fault fault, const std::string& problem) {
        tls::HttpsReply reply;
        reply.fault = fault;
        reply.problem = problem;
        replies_[host] = std::move(reply);
    }

    const std::vector<tls::HttpsRequest>& requests() const { return requests_; }
    std::size_t count() const { return requests_.size(); }

    boost::asio::awaitable<tls::HttpsReply> ask(tls::HttpsRequest request) override {
        requests_.push_back(request);
        // As from a network: others have their turn before the reply is there.
        co_await boost::asio::post(boost::asio::use_awaitable);
        const auto found = replies_.find(request.host);
        tls::HttpsReply reply;
        reply.fault = tls::HttpsReply::Fault::failed;
        reply.problem = "Connection refused";
        co_return found == replies_.end() ? reply : found->second;
    }

private:
    std::map<std::string, tls::HttpsReply> replies_;
    std::vector<tls::HttpsRequest> requests_;
};

}  // namespace mxpost::test
