// Listener: accepts connections on its doors, turns away whom it doesn't serve, and runs a
// Connection for everybody else. One thread's event loop; only the commit pool has threads.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "listen/commit_pool.h"
#include "listen/connection.h"
#include "listen/doors.h"
#include "listen/gate.h"
#include "listen/peer.h"
#include "submit/surroundings.h"
#include "tls/server_context.h"

namespace mxpost::listen {

class Listener {
public:
    /// `tls` may be null: STARTTLS isn't offered. The references, and what `outlet` uses, outlive
    /// it. Awaitables that it has spawned may outlive it only if they are never resumed.
    Listener(
        boost::asio::any_io_executor executor,
        std::vector<Door> doors,
        std::unique_ptr<tls::ServerContext> tls,
        const submit::Surroundings& around,
        Outlet outlet
    );
    /// Ends when every commit that is under way has ended.
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    void start();
    /// No new connections; idle clients get 421, messages that are coming in have a while.
    void stop();
    bool is_finished() const { return is_stopping_ && connections_.empty(); }
    std::size_t connections() const { return connections_.size(); }

private:
    struct OpenDoor {
        boost::asio::posix::stream_descriptor socket;
        config::ListenAddress address;
    };

    boost::asio::awaitable<void> answer(OpenDoor& door);
    boost::asio::awaitable<void> serve(std::unique_ptr<Connection> connection);
    boost::asio::awaitable<void> watch();
    bool accept_some(OpenDoor& door);
    bool shed(int door);
    void meet(Fd socket);
    void turn_away(const Fd& socket, std::string_view reply, const std::string& why);

    boost::asio::any_io_executor executor_;
    const submit::Surroundings& around_;
    Outlet outlet_;
    std::unique_ptr<tls::ServerContext> tls_;
    std::vector<std::unique_ptr<OpenDoor>> doors_;
    std::shared_ptr<Gate> gate_;
    Fd reserve_;  // given up to accept one more connection when there are no descriptors left
    std::vector<char> buffer_;  // what any plain connection reads goes here
    boost::asio::steady_timer tick_;
    std::unordered_set<Connection*> connections_;
    bool is_stopping_ = false;
    SteadyTime stopped_at_;
    SteadyTime last_complaint_;
    std::size_t silent_complaints_ = 0;
    std::unique_ptr<CommitPool> pool_;  // last: its threads use what stands above
};

}  // namespace mxpost::listen
