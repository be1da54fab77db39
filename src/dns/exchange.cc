#include "dns/exchange.h"

#include <array>
#include <memory>

#include <boost/asio.hpp>

namespace mxpost::dns {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kMaxDatagram = 4096;  // more than was asked for (1232)
constexpr int kMaxStrays = 256;             // wrong datagrams looked at before giving up

/// Closes a socket at a point of time, which ends whatever waits on it.
template <class Socket>
class Watchdog {
public:
    Watchdog(const std::shared_ptr<Socket>& socket, SteadyTime deadline)
        : timer_(socket->get_executor(), deadline), deadline_(deadline) {
        // The handler may run after this object is gone: it owns its part of the socket.
        timer_.async_wait([socket](error_code error) {
            if (!error) {
                error_code ignored;
                socket->close(ignored);
            }
        });
    }

    /// What a failed operation means.
    Error explain(error_code error, const std::string& doing) const {
        if (std::chrono::steady_clock::now() >= deadline_) {
            return Error::from_errno(ETIMEDOUT, doing);
        }
        return {error, doing};
    }

private:
    asio::steady_timer timer_;
    SteadyTime deadline_;
};

std::uint16_t random_id(Random& random) {
    return static_cast<std::uint16_t>(random.bits() & 0xffffU);
}

SteadyTime step_deadline(const ExchangeOptions& options) {
    return std::min(options.deadline, std::chrono::steady_clock::now() + options.timeout);
}

/// Without waiting: nullopt when there was nothing, or only a reply to another question.
Result<std::optional<Reply>> receive_now(
    udp::socket& socket, const Question& question, std::uint16_t id
) {
    std::array<std::uint8_t, kMaxDatagram>
        buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    error_code error;
    const std::size_t size = socket.receive(asio::buffer(buffer), 0, error);
    if (error == asio::error::would_block) {
        return std::optional<Reply>();  // a datagram with a wrong checksum woke us
    }
    if (error) {
        return Error(error, "no reply over UDP");
    }
    return decode_reply(std::span(buffer).first(size), question, id);
}

asio::awaitable<Result<Reply>> receive(
    std::shared_ptr<udp::socket> socket,
    const Question& question,
    std::uint16_t id,
    const Watchdog<udp::socket>& watchdog
) {
    for (int strays = 0; strays < kMaxStrays; ++strays) {
        const auto [error] = co_await socket->async_wait(udp::socket::wait_read, kTuple);
        if (error || !socket->is_open()) {
            co_return watchdog.explain(error, "no reply over UDP");
        }
        Result<std::optional<Reply>> reply = receive_now(*socket, question, id);
        if (!reply) {
            co_return reply.error();
        }
        if (*reply) {
            co_return std::move(**reply);
        }
    }
    co_return Error::invalid("only replies to other questions");
}

asio::awaitable<Result<Reply>> ask_udp(
    udp::endpoint server,
    const Question& question,
    const ExchangeOptions& options,
    Random& random,
    UdpSockets& sockets
) {
    const std::uint16_t id = random_id(random);
    const Result<std::string> query =
        encode_query(question, id, options.has_edns, options.wants_ad);
    if (!query) {
        co_return query.error();
    }
    Result<UdpSockets::Lease> lease = sockets.take(server);
    error_code error;
    if (lease) {
        lease->socket->send(asio::buffer(*query), 0, error);
    }
    if (error && lease->is_used()) {  // stale: the network may be another one now
        lease = sockets.take(server, true);
        if (lease) {
            lease->socket->send(asio::buffer(*query), 0, error);
        }
    }
    if (!lease) {
        co_return lease.error();
    }
    if (error) {  // also that the kernel has no room: UDP may lose what it likes
        co_return Error(error, "can't send over UDP");
    }
    const SteadyTime deadline = step_deadline(options);
    Result<Reply> reply = Error();
    {
        const Watchdog<udp::socket> watchdog(lease->socket, deadline);
        reply = co_await receive(lease->socket, question, id, watchdog);
    }
    // Later the watchdog may have been on its way already.
    if (reply && std::chrono::steady_clock::now() < deadline) {
        sockets.put(std::move(*lease));
    }
    co_return reply;
}

/// RFC 1035 4.2.2: two octets of length in front of each message.
std::string framed(const std::string& message) {
    std::string frame;
    frame += static_cast<char>(message.size() >> 8U);
    frame += static_cast<char>(message.size() & 0xffU);
    return frame + message;
}

asio::awaitable<Result<Reply>> ask_tcp(
    udp::endpoint server, const Question& question, const ExchangeOptions& options, Random& random
) {
    const std::uint16_t id = random_id(random);
    const Result<std::string> query =
        encode_query(question, id, options.has_edns, options.wants_ad);
    if (!query) {
        co_return query.error();
    }
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto socket = std::make_shared<tcp::socket>(executor);
    const Watchdog<tcp::socket> watchdog(socket, step_deadline(options));
    const tcp::endpoint peer(server.address(), server.port());
    const auto [connect_error] = co_await socket->async_connect(peer, kTuple);
    if (connect_error) {
        co_return watchdog.explain(connect_error, "can't connect over TCP");
    }
    const std::string frame = framed(*query);
    const auto [write_error, written] =
        co_await asio::async_write(*socket, asio::buffer(frame), kTuple);
    if (write_error) {
        co_return watchdog.explain(write_error, "can't send over TCP");
    }
    std::array<std::uint8_t, 2> prefix{};
    const auto [prefix_error, prefix_size] =
        co_await asio::async_read(*socket, asio::buffer(prefix), kTuple);
    if (prefix_error) {
        co_return watchdog.explain(prefix_error, "no reply over TCP");
    }
    std::vector<std::uint8_t> message((std::size_t{prefix[0]} << 8U) | prefix[1]);
    const auto [read_error, size] =
        co_await asio::async_read(*socket, asio::buffer(message), kTuple);
    if (read_error) {
        co_return watchdog.explain(read_error, "cut reply over TCP");
    }
    Result<std::optional<Reply>> reply = decode_reply(message, question, id);
    if (!reply) {
        co_return reply.error();
    }
    if (!*reply || (*reply)->is_truncated) {
        co_return Error::invalid("wrong reply over TCP");
    }
    co_return std::move(**reply);
}

bool may_dislike_edns(const Reply& reply) {
    return reply.code == ReplyCode::format_error || reply.code == ReplyCode::not_implemented;
}

}  // namespace

asio::awaitable<Result<Reply>> exchange(
    udp::endpoint server,
    Question question,
    ExchangeOptions options,
    Random& random,
    UdpSockets& sockets
) {
    if (!options.is_tcp_only) {
        Result<Reply> reply = co_await ask_udp(server, question, options, random, sockets);
        // RFC 6891 7: a server from before EDNS answers FORMERR (or NOTIMP, some do).
        if (reply && options.has_edns && may_dislike_edns(*reply)) {
            options.has_edns = false;
            reply = co_await ask_udp(server, question, options, random, sockets);
        }
        if (!reply || !reply->is_truncated) {
            co_return reply;
        }
    }
    co_return co_await ask_tcp(server, question, options, random);
}

}  // namespace mxpost::dns
