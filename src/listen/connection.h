// Connection: one client of the listener. protocol::ServerMachine says what happens, this does it:
// reads, writes, TLS, and the wait for the disk.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "listen/commit_pool.h"
#include "listen/gate.h"
#include "listen/incoming.h"
#include "listen/peer.h"
#include "listen/stream.h"
#include "protocol/server_machine.h"
#include "submit/surroundings.h"
#include "tls/server_context.h"

namespace mxpost::listen {

/// What all connections share. All but the gate outlives them.
struct ConnectionContext {
    const submit::Surroundings& around;
    const Outlet& outlet;
    std::shared_ptr<Gate> gate;
    CommitPool& pool;
    const tls::ServerContext* tls;  // null: STARTTLS isn't offered
    std::span<char> buffer;
};

class Connection {
public:
    /// `client`: what the gate calls it. `box` takes the messages, and outlives it.
    Connection(
        const boost::asio::any_io_executor& executor,
        const ConnectionContext& context,
        const spool::Box& box,
        Fd socket,
        const Peer& peer,
        std::string client
    );
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// To its end; then the socket is closed. Whoever runs it calls check_time() every second or
    /// so.
    boost::asio::awaitable<void> run();

    void check_time(SteadyTime now, bool is_crowded);
    /// 421 at the next moment that no message is under way.
    void stop();
    /// The end now, whatever is under way (but for a commit, whose client hears of it).
    void cut_off();
    /// Nobody will resume it: what is half made is taken away while its box is there.
    void abandon() { incoming_.abandon(); }
    const std::string& client() const { return client_; }

private:
    enum class Waiting : std::uint8_t { nothing, input, output };

    boost::asio::awaitable<bool> flush();
    boost::asio::awaitable<void> read();
    boost::asio::awaitable<void> start_tls();
    boost::asio::awaitable<void> commit();
    void settle(const Result<void>& synced);
    void feed(std::string_view octets);
    void begin_to_wait(Waiting what);

    const ConnectionContext context_;
    std::string client_;
    Stream stream_;
    Incoming incoming_;
    protocol::ServerMachine machine_;
    boost::asio::steady_timer committed_;  // cancelled when the pool is done
    std::optional<Result<void>> synced_;
    std::string sending_;
    std::string rest_;  // read, and not yet fed
    bool has_progressed_ = true;
    Waiting waiting_ = Waiting::nothing;
    SteadyTime waits_since_;
    SteadyTime useful_since_;  // connected, or the last message accepted
    bool is_timed_out_ = false;
    bool is_stopping_ = false;
    bool is_cut_off_ = false;
};

}  // namespace mxpost::listen
