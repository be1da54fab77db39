// A stub resolver and the name servers that it asks, for the tests of dns::StubResolver.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio.hpp>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/random.h"
#include "dns/resolv_conf.h"
#include "dns/stub_resolver.h"
#include "support/dns_server.h"

namespace mxpost::dns {

namespace asio = boost::asio;
using test::DnsPacket;
using test::DnsQuery;
using test::ScriptedDnsServer;

inline constexpr std::uint16_t kA = 1;
inline constexpr std::uint16_t kCname = 5;
inline constexpr std::uint16_t kMx = 15;
inline constexpr std::uint16_t kSoa = 6;
inline const std::string kAddress("\xc0\x00\x02\x01", 4);  // 192.0.2.1

using Replies = std::vector<std::string>;

inline Replies one(const DnsPacket& packet) {
    return {packet.wire()};
}

inline Replies answer_a(const DnsQuery& query) {
    return one(query.reply().answer(query.name(), kA, kAddress));
}

class StubResolverTest : public testing::Test {
protected:
    ScriptedDnsServer& add_server(ScriptedDnsServer::Script script) {
        const std::string address = "127.0.0." + std::to_string(servers_.size() + 1);
        servers_.push_back(
            std::make_unique<ScriptedDnsServer>(context_, address.c_str(), std::move(script))
        );
        conf_.servers.push_back(servers_.back()->endpoint());
        return *servers_.back();
    }

    StubResolver& resolver() {
        if (!resolver_) {
            resolver_ = std::make_unique<StubResolver>(
                context_.get_executor(), [this] { return conf_; }, settings_, random_, clock_
            );
        }
        return *resolver_;
    }

    template <class T>
    Answer<T> run(asio::awaitable<Answer<T>> lookup) {
        std::optional<Answer<T>> result;
        asio::co_spawn(
            context_,
            std::move(lookup),
            [&](std::exception_ptr failure, Answer<T> answer) {
                EXPECT_FALSE(failure);
                result = std::move(answer);
                context_.stop();
            }
        );
        context_.restart();
        context_.run();
        return result.value_or(Answer<T>());
    }

    Answer<asio::ip::address> addresses(const std::string& host) {
        return run(resolver().addresses(host, Family::ipv4));
    }
    Answer<MxRecord> mx(const std::string& domain) { return run(resolver().mx(domain)); }

    asio::io_context context_;
    ResolvConf conf_ = short_timeouts();
    StubResolverSettings settings_;
    SystemRandom random_;
    SystemClock clock_;
    std::vector<std::unique_ptr<ScriptedDnsServer>> servers_;
    std::unique_ptr<StubResolver> resolver_;

private:
    static ResolvConf short_timeouts() {
        ResolvConf conf;
        conf.timeout = std::chrono::milliseconds(2000);  // only what must time out sets it lower
        return conf;
    }
};

}  // namespace mxpost::dns
