// What a site learns of a session that doesn't come about. The rest: tests/e2e.
#include "deliver/site_session.h"

#include "deliver/domain_attempt.h"
#include "deliver_test.h"
#include "support/loopback_server.h"
#include "tls/client_context.h"

namespace mxpost::deliver {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

class OneServer final : public Destination {
public:
    explicit OneServer(NextHop hop) : hop_(std::move(hop)) {}
    asio::awaitable<NextHopResult> find() override { co_return hop_; }

private:
    NextHop hop_;
};

/// Takes one connection, and answers a handshake with something else.
asio::awaitable<void> break_tls_once(tcp::acceptor& acceptor) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    acceptor.close();
    test::ServerConnection server(std::move(socket));
    co_await server.say("220 mx.example ESMTP\r\n");
    co_await server.line();
    co_await server.say("250-mx.example\r\n250 STARTTLS\r\n");
    co_await server.line();
    co_await server.say("220 go\r\n");
    co_await server.octets(1);
    co_await server.say("500 what?\r\n");
}

class SiteSessionTest : public testing::Test {
protected:
    NextHop hop() {
        NextHop hop;
        hop.site = "mx.example";
        hop.session.tls_context = context_.get();
        hop.peers.emplace_back(
            "mx.example", asio::ip::address_v4::loopback(), acceptor_.local_endpoint().port()
        );
        return hop;
    }
    AttemptResult attempt(const NextHop& hop) {
        Consignment consignment(
            envelope_,
            envelope_.recipients,
            [](bool) { return Result<std::unique_ptr<mail::Content>>(nullptr); },
            dialogue_,
            {1000, kId}
        );
        DomainAttempt attempt(
            life_.services, std::make_unique<OneServer>(hop), std::move(consignment)
        );
        std::optional<AttemptResult> result;
        asio::co_spawn(
            life_.io,
            attempt.run(),
            [&](const std::exception_ptr& error, AttemptResult given) {
                EXPECT_FALSE(error);
                result = std::move(given);
            }
        );
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!result && std::chrono::steady_clock::now() < deadline) {
            life_.io.run_one_for(std::chrono::milliseconds(100));
        }
        life_.sites.stop();
        life_.io.poll();
        EXPECT_TRUE(result);
        return result.value_or(AttemptResult());
    }

    std::unique_ptr<tls::ClientContext> context_ =
        tls::ClientContext::make(tls::TrustSettings()).value();
    const mail::Envelope envelope_ = make_envelope({"u@b.example"});
    DialogueLog dialogue_;
    Queue queue_;
    Life life_{queue_};
    tcp::acceptor acceptor_{life_.io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
};

// Else each attempt would shake hands first, and be turned away with the second connection.
TEST_F(SiteSessionTest, RemembersBrokenTlsWhereTheServerTakesNoSecondConnection) {
    const NextHop found = hop();
    auto server = break_tls_once(acceptor_);
    asio::co_spawn(life_.io, std::move(server), asio::detached);
    const AttemptResult result = attempt(found);
    ASSERT_EQ(result.outcomes.size(), 1U);
    EXPECT_EQ(result.outcomes[0].kind, mail::OutcomeKind::deferred);
    EXPECT_EQ(result.outcomes[0].step, mail::Step::connect) << result.outcomes[0].text;
    EXPECT_TRUE(life_.sites.at(found)->is_tls_broken(found.peers[0].text()));
    EXPECT_EQ(life_.log.count("mail goes in clear for an hour: TLS failed"), 1U);
}

}  // namespace
}  // namespace mxpost::deliver
