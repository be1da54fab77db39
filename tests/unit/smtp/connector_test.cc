// Connections within the test's own event loop. A listener whose queue is full drops what comes:
// a black hole that needs no net.
#include "smtp/connector.h"

#include <exception>
#include <optional>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include <poll.h>
#include <sys/socket.h>

namespace mxpost::smtp {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;

const tcp::endpoint kAnyPort(asio::ip::address_v4::loopback(), 0);

/// Takes connections into its queue, as kernels do before anybody accepts.
class Server {
public:
    explicit Server(int backlog = 16) : acceptor_(context_, tcp::v4()) {
        acceptor_.bind(kAnyPort);
        acceptor_.listen(backlog);
    }
    tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }
    /// Somebody has connected.
    bool is_called() {
        pollfd state{acceptor_.native_handle(), POLLIN, 0};
        return ::poll(&state, 1, 0) == 1;
    }

protected:
    asio::io_context context_;
    tcp::acceptor acceptor_;
};

class BlackHole : public Server {
public:
    BlackHole() : Server(0) {
        for (int i = 0; i < 4; ++i) {  // more than the queue takes
            fillers_.emplace_back(context_, tcp::v4());
            fillers_.back().native_non_blocking(true);
            const tcp::endpoint target = endpoint();  // Asio's own connect() would wait
            (void)!::connect(
                fillers_.back().native_handle(),
                target.data(),
                static_cast<socklen_t>(target.size())
            );
        }
    }

private:
    std::vector<tcp::socket> fillers_;
};

tcp::endpoint refusing() {
    asio::io_context context;
    const tcp::acceptor unused(context, kAnyPort);
    return unused.local_endpoint();
}

class ConnectorTest : public testing::Test {
protected:
    void connect(const std::vector<tcp::endpoint>& endpoints) {
        std::vector<ConnectTarget> targets;
        for (const tcp::endpoint& endpoint : endpoints) {
            targets.push_back({endpoint, source_});
        }
        connector_.emplace(context_.get_executor(), std::move(targets), limits_);
        asio::co_spawn(
            context_,
            connector_->run(),
            asio::bind_cancellation_slot(
                signal_.slot(),
                [this](std::exception_ptr failure) {
                    has_failed_ = failure != nullptr;
                    is_over_ = true;
                }
            )
        );
    }
    void run() {
        context_.run_for(std::chrono::seconds(10));
        EXPECT_TRUE(is_over_);
    }
    std::vector<std::size_t> failed() const {
        std::vector<std::size_t> targets;
        for (const ConnectFailure& failure : connector_->failures()) {
            targets.push_back(failure.target);
        }
        return targets;
    }

    asio::io_context context_;
    ConnectLimits limits_;
    std::optional<asio::ip::address> source_;
    std::optional<Connector> connector_;
    asio::cancellation_signal signal_;
    bool is_over_ = false;
    bool has_failed_ = false;
};

using Targets = std::vector<std::size_t>;

TEST_F(ConnectorTest, TakesTheFirstAndLeavesTheOthersAlone) {
    Server first;
    Server second;
    connect({first.endpoint(), second.endpoint()});
    run();
    EXPECT_EQ(connector_->connected(), 0U);
    EXPECT_EQ(failed(), Targets{});
    const auto socket = connector_->take_socket();
    EXPECT_TRUE(socket.is_open());
    EXPECT_TRUE(first.is_called());
    EXPECT_FALSE(second.is_called());
}

TEST_F(ConnectorTest, AFailureBeginsTheNextAtOnce) {
    Server server;
    limits_.stagger = std::chrono::hours(1);
    connect({refusing(), refusing(), server.endpoint()});
    run();
    EXPECT_EQ(connector_->connected(), 2U);
    EXPECT_EQ(failed(), (Targets{0, 1}));
    EXPECT_EQ(connector_->failures().at(0).error, asio::error::connection_refused);
}

TEST_F(ConnectorTest, ABlackHoleCostsTheStaggerOnly) {
    const BlackHole hole;
    Server server;
    limits_.stagger = milliseconds(20);
    limits_.each = std::chrono::hours(1);
    limits_.total = std::chrono::hours(1);
    connect({hole.endpoint(), server.endpoint()});
    run();
    EXPECT_EQ(connector_->connected(), 1U);
    EXPECT_EQ(failed(), Targets{}) << "the first was closed, it hasn't failed";
}

TEST_F(ConnectorTest, GivesUpEachAfterItsTime) {
    const BlackHole hole;
    limits_.stagger = milliseconds(5);
    limits_.each = milliseconds(40);
    connect({hole.endpoint(), hole.endpoint(), refusing()});
    run();
    EXPECT_FALSE(connector_->connected());
    EXPECT_EQ(failed(), (Targets{0, 1, 2}));
    EXPECT_EQ(connector_->failures().at(0).error, asio::error::timed_out);
    EXPECT_EQ(connector_->failures().at(2).error, asio::error::connection_refused);
}

TEST_F(ConnectorTest, TimesASingleOneOut) {
    const BlackHole hole;
    limits_.each = milliseconds(20);
    connect({hole.endpoint()});
    run();
    EXPECT_EQ(failed(), Targets{0});
    EXPECT_EQ(connector_->failures().at(0).error, asio::error::timed_out);
}

TEST_F(ConnectorTest, EndsAllAfterTheTotalTime) {
    const BlackHole hole;
    limits_.stagger = std::chrono::hours(1);
    limits_.each = std::chrono::hours(1);
    limits_.total = milliseconds(20);
    connect({hole.endpoint(), hole.endpoint()});
    run();
    EXPECT_FALSE(connector_->connected());
    EXPECT_EQ(failed(), Targets{0}) << "the second was not begun";
}

TEST_F(ConnectorTest, HasNoMoreThanSomeAttemptsAtOnce) {
    const BlackHole hole;
    Server server;
    limits_.stagger = milliseconds(1);
    limits_.each = milliseconds(60);
    limits_.max_parallel = 2;
    connect({hole.endpoint(), hole.endpoint(), server.endpoint()});
    run();
    EXPECT_EQ(connector_->connected(), 2U);
    EXPECT_EQ(failed().at(0), 0U) << "the third had to wait for it";
}

TEST_F(ConnectorTest, SaysThatItCouldNotBind) {
    Server server;
    source_ = asio::ip::make_address("203.0.113.77");
    connect({server.endpoint()});
    run();
    EXPECT_FALSE(connector_->connected());
    EXPECT_TRUE(connector_->failures().at(0).is_source);
    EXPECT_FALSE(server.is_called());
}

TEST_F(ConnectorTest, HasNothingToDoWithoutTargets) {
    connect({});
    run();
    EXPECT_FALSE(connector_->connected());
    EXPECT_EQ(failed(), Targets{});
}

TEST_F(ConnectorTest, EndsWhenTheOneWhoWaitsIsCancelled) {
    const BlackHole hole;
    connect({hole.endpoint(), hole.endpoint()});
    context_.poll();
    EXPECT_FALSE(is_over_);
    signal_.emit(asio::cancellation_type::terminal);
    run();
    EXPECT_FALSE(connector_->connected());
}

TEST_F(ConnectorTest, MayBeAbandonedInTheMiddle) {
    const BlackHole hole;
    connect({hole.endpoint(), hole.endpoint()});
    context_.poll();
    // Connector and event loop go with attempts in flight.
}

}  // namespace
}  // namespace mxpost::smtp
