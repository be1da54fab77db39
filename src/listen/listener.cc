#include "listen/listener.h"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mxpost::listen {

namespace asio = boost::asio;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kBufferSize = 64U << 10U;
/// Each waits for the disk nearly all the time; more of them share a sync at most.
constexpr std::size_t kCommitThreads = 16;
constexpr int kAcceptedInARow = 64;
constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::milliseconds kWithoutDescriptors{100};
/// For messages that are coming in when the end is asked for.
constexpr std::chrono::seconds kLastMessages{20};
constexpr std::chrono::seconds kBetweenComplaints{10};

/// The engine's own messages, sessions and look-ups need descriptors too, and each connection may
/// have a message open.
std::uint64_t affordable_connections(std::uint64_t wanted) {
    constexpr rlim_t kForTheEngine = 1200;
    constexpr rlim_t kAtLeast = 32;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return wanted;
    }
    const rlim_t left = limit.rlim_cur > kForTheEngine ? limit.rlim_cur - kForTheEngine : 0;
    return std::min<std::uint64_t>(wanted, std::max(left / 2, kAtLeast));
}

GateLimits gate_limits(const config::Settings& settings) {
    GateLimits limits;
    limits.max_connections = affordable_connections(settings.listen_max_connections);
    limits.max_connections_per_client = settings.listen_max_connections_per_client;
    limits.connection_rate = settings.listen_connection_rate;
    limits.message_rate = settings.listen_message_rate;
    return limits;
}

Fd open_reserve() {
    return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

std::string_view reply_to(Gate::Verdict verdict) {
    switch (verdict) {
        case Gate::Verdict::full:
            return "421 4.3.2 too many connections, try again later\r\n";
        case Gate::Verdict::too_many:
            return "421 4.7.0 too many connections from you, try again later\r\n";
        default:
            return "421 4.7.0 you connect too often, try again later\r\n";
    }
}

void throw_on(const std::exception_ptr& error) {
    if (error) {
        std::rethrow_exception(error);
    }
}

}  // namespace

Listener::Listener(
    asio::any_io_executor executor,
    std::vector<Door> doors,
    std::unique_ptr<tls::ServerContext> tls,
    const submit::Surroundings& around,
    Outlet outlet
)
    : executor_(std::move(executor)),
      around_(around),
      outlet_(std::move(outlet)),
      tls_(std::move(tls)),
      gate_(std::make_shared<Gate>(gate_limits(around.settings))),
      reserve_(open_reserve()),
      buffer_(kBufferSize),
      tick_(executor_),
      last_complaint_(around.clock.steady_now() - kBetweenComplaints),
      pool_(std::make_unique<CommitPool>(around.files, kCommitThreads)) {
    for (Door& door : doors) {
        doors_.push_back(std::make_unique<OpenDoor>(OpenDoor{
            asio::posix::stream_descriptor(executor_), std::move(door.address)}));
        doors_.back()->socket.assign(door.socket.release());
    }
}

Listener::~Listener() {
    pool_.reset();
    for (Connection* connection : connections_) {
        connection->abandon();
    }
}

void Listener::start() {
    const std::uint64_t wanted = around_.settings.listen_max_connections;
    if (const std::uint64_t got = affordable_connections(wanted); got < wanted) {
        around_.log.warning(
            "listen-max-connections: the limit of open files allows for " + std::to_string(got) +
            " connections only"
        );
    }
    for (const auto& door : doors_) {
        around_.log.info("listening on " + door->address.text());
        asio::co_spawn(executor_, answer(*door), throw_on);
    }
    asio::co_spawn(executor_, watch(), throw_on);
}

void Listener::stop() {
    if (is_stopping_) {
        return;
    }
    is_stopping_ = true;
    stopped_at_ = around_.clock.steady_now();
    for (const auto& door : doors_) {
        door->socket.close();
    }
    for (Connection* connection : connections_) {
        connection->stop();
    }
    tick_.cancel();
}

asio::awaitable<void> Listener::answer(OpenDoor& door) {
    asio::steady_timer pause(executor_);
    while (door.socket.is_open()) {
        const auto [error] =
            co_await door.socket.async_wait(asio::posix::stream_descriptor::wait_read, kAwait);
        if (error || !door.socket.is_open()) {
            co_return;
        }
        if (!accept_some(door)) {
            // The socket stays readable: asking again at once would only burn the processor.
            pause.expires_after(kWithoutDescriptors);
            co_await pause.async_wait(kAwait);
        }
    }
}

/// False: there is no descriptor or memory for another connection now.
bool Listener::accept_some(OpenDoor& door) {
    const int number = door.socket.native_handle();
    for (int i = 0; i < kAcceptedInARow; ++i) {
        Fd socket(::accept4(number, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (socket) {
            meet(std::move(socket));
            continue;
        }
        switch (errno) {
            case EMFILE:
            case ENFILE:
            case ENOBUFS:
            case ENOMEM:
                return shed(number);
            case EAGAIN:
                return true;
            default:
                break;  // that client has gone again: the next one
        }
    }
    return true;
}

/// Out of descriptors: the first in line gets a reply instead of waiting for ever. False where not
/// even that can be done.
bool Listener::shed(int door) {
    reserve_.reset();
    {
        const Fd socket(::accept4(door, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (socket) {
            turn_away(
                socket,
                "421 4.3.2 too many open files here, try again later\r\n",
                "a client was turned away: out of file descriptors"
            );
        }
    }
    reserve_ = open_reserve();
    return false;
}

void Listener::meet(Fd socket) {
    const auto peer = peer_of(socket.get());
    if (!peer) {
        return;  // gone
    }
    if (peer->address && !may_relay(*peer->address, around_.settings.relay_networks)) {
        turn_away(
            socket,
            "554 5.7.1 [" + peer->address->text() + "] may not send through this host\r\n",
            "client [" + peer->text() + "] was turned away: it is in none of relay-networks"
        );
        return;
    }
    const std::string client = peer->address ? client_key(*peer->address) : client_key(peer->user);
    const auto verdict = gate_->admit(client, around_.clock.steady_now());
    if (verdict != Gate::Verdict::admitted) {
        const std::string_view reply = reply_to(verdict);
        turn_away(
            socket,
            reply,
            "client " + client +
                " was turned away: " + std::string(reply.substr(0, reply.find('\r')))
        );
        return;
    }
    const auto box = outlet_.box();
    if (!box) {
        gate_->leave(client);
        turn_away(
            socket,
            "421 4.3.0 no spool can be written to, try again later\r\n",
            "clients are turned away: " + box.error().message()
        );
        return;
    }
    const ConnectionContext context{around_, outlet_, gate_, *pool_, tls_.get(), buffer_};
    auto connection =
        std::make_unique<Connection>(executor_, context, **box, std::move(socket), *peer, client);
    asio::co_spawn(executor_, serve(std::move(connection)), throw_on);
}

/// One write without waiting, and the end. A flood of such clients must not become a flood of log
/// lines.
void Listener::turn_away(const Fd& socket, std::string_view reply, const std::string& why) {
    (void)::send(socket.get(), reply.data(), reply.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ::shutdown(socket.get(), SHUT_WR);
    const SteadyTime now = around_.clock.steady_now();
    if (now - last_complaint_ < kBetweenComplaints) {
        ++silent_complaints_;
        return;
    }
    std::string line = why;
    if (silent_complaints_ > 0) {
        line += " (and " + std::to_string(silent_complaints_) + " others since the last such line)";
    }
    around_.log.warning(line);
    last_complaint_ = now;
    silent_complaints_ = 0;
}

asio::awaitable<void> Listener::serve(std::unique_ptr<Connection> connection) {
    connections_.insert(connection.get());
    if (is_stopping_) {
        connection->stop();
    }
    std::string bug;
    try {
        co_await connection->run();
    } catch (const std::exception& exception) {
        bug = exception.what();
    }
    if (!bug.empty()) {
        around_.log.error("client " + connection->client() + ": internal error: " + bug);
    }
    connections_.erase(connection.get());
    gate_->leave(connection->client());
    if (is_stopping_ && connections_.empty()) {
        tick_.cancel();
    }
}

/// One clock for all connections: precise to a second, and without a timer each.
asio::awaitable<void> Listener::watch() {
    while (!is_finished()) {
        tick_.expires_after(kTick);
        co_await tick_.async_wait(kAwait);
        const SteadyTime now = around_.clock.steady_now();
        const bool is_time_up = is_stopping_ && now - stopped_at_ >= kLastMessages;
        for (Connection* connection : connections_) {
            if (is_time_up) {
                connection->cut_off();
            } else {
                connection->check_time(now, gate_->is_crowded());
            }
        }
    }
}

}  // namespace mxpost::listen
