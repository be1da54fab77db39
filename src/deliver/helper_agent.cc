#include "deliver/helper_agent.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sys/socket.h>
#include <sys/un.h>

#include "local/packet.h"
#include "local/wire.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

// Each has a copy of its message, which takes memory.
constexpr std::size_t kMaxRequests = 24;      // at once; the helper serves a few more
constexpr std::size_t kMaxRequestsOfOne = 4;  // for one user or alias
constexpr std::size_t kMaxRemembered = 10'000;
constexpr int kSocketType = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;

local::Answer deferred(const std::string& text) {
    local::Answer answer;
    answer.outcome = mail::RecipientOutcome(mail::OutcomeKind::deferred, {4, 3, 0}, text);
    return answer;
}

local::Answer untried() {
    local::Answer answer = deferred("the engine ended before it was this message's turn");
    answer.outcome.is_untried = true;
    return answer;
}

std::string key_of(const local::Request& request) {
    return request.message_id + ' ' + std::to_string(static_cast<int>(request.kind)) + ' ' +
           request.name + ' ' + request.recipient;
}

}  // namespace

HelperConnector connect_to_helper(std::string path) {
    return [path = std::move(path)]() -> Result<Fd> {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path.size() >= sizeof address.sun_path) {
            return Error::from_errno(ENAMETOOLONG, path);
        }
        std::ranges::copy(path, static_cast<char*>(address.sun_path));
        Fd fd(::socket(AF_UNIX, kSocketType, 0));
        if (!fd ||
            ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            return Error::from_errno(
                errno, "no local helper answers at " + path + " (mxpost-local.socket)"
            );
        }
        return fd;
    };
}

HelperConnector connect_through(Fd channel) {
    auto shared = std::make_shared<Fd>(std::move(channel));
    return [shared]() -> Result<Fd> {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
            return Error::from_errno(errno, "socketpair");
        }
        Fd ours(ends[0]);
        const Fd theirs(ends[1]);
        if (auto sent = local::send_packet(shared->get(), "c", theirs.get()); !sent) {
            return Error(sent.error().code(), "the local helper of this engine has ended");
        }
        return ours;
    };
}

HelperAgent::HelperAgent(
    asio::any_io_executor executor, HelperConnector connect, std::chrono::seconds time_limit
)
    : executor_(std::move(executor)),
      connect_(std::move(connect)),
      time_limit_(time_limit),
      slots_(executor_, kMaxRequests) {}

asio::awaitable<local::Answer> HelperAgent::deliver(std::string name, RequestMaker make) {
    const std::shared_ptr<Semaphore> own = slots_of(name);
    const Semaphore::Permit turn = co_await own->acquire();
    const Semaphore::Permit slot = co_await slots_.acquire();
    if (is_stopping_) {
        co_return untried();
    }
    auto made = make();
    if (!made) {
        co_return deferred("the message can't be prepared: " + made.error().message());
    }
    local::Request request = std::move(*made);
    const std::string key = key_of(request);
    if (const auto found = done_.find(key); found != done_.end()) {
        request.done = found->second;
    }
    auto answer = co_await exchange(request);
    if (!answer) {
        co_return deferred(answer.error().message());
    }
    remember(key, *answer);
    co_return std::move(*answer);
}

/// One user's programs may take minutes each: they don't take all the slots.
std::shared_ptr<Semaphore> HelperAgent::slots_of(const std::string& name) {
    std::erase_if(users_, [](const auto& user) { return user.second.expired(); });
    std::weak_ptr<Semaphore>& known = users_[name];
    std::shared_ptr<Semaphore> slots = known.lock();
    if (!slots) {
        slots = std::make_shared<Semaphore>(executor_, kMaxRequestsOfOne);
        known = slots;
    }
    return slots;
}

asio::awaitable<Result<local::Answer>> HelperAgent::exchange(const local::Request& request) {
    const auto packet = local::encode(request);
    if (!packet) {
        co_return packet.error();
    }
    auto socket = connect_();
    if (!socket) {
        co_return socket.error();
    }
    // A new socket has room for one packet.
    if (auto sent = local::send_packet(socket->get(), *packet, request.message.get()); !sent) {
        co_return Error(sent.error().code(), "the local helper takes no request");
    }
    const int number = socket->get();
    if (!co_await wait_for_answer(number)) {
        co_return Error::invalid("the local helper doesn't answer");
    }
    const auto reply = local::receive_packet(number, local::kMaxAnswerPacket);
    // A helper without a descriptor left loses the connection, which looks like a reset.
    const bool is_lost = !reply && reply.error().is(ECONNRESET);
    if (!reply && !is_lost) {
        co_return reply.error();
    }
    if (is_lost || reply->data.empty()) {
        co_return Error::invalid(
            "the local helper gave no answer: the log says why (journalctl -u mxpost-local)"
        );
    }
    co_return local::decode_answer(reply->data);
}

/// False when time was up first.
asio::awaitable<bool> HelperAgent::wait_for_answer(int socket) {
    auto waiting = std::make_shared<asio::posix::stream_descriptor>(executor_, socket);
    asio::steady_timer timer(executor_, time_limit_);
    timer.async_wait([waiting](const boost::system::error_code& error) {
        if (!error && waiting->is_open()) {
            waiting->cancel();
        }
    });
    const auto [error] = co_await waiting->async_wait(
        asio::posix::stream_descriptor::wait_read, asio::as_tuple(asio::use_awaitable)
    );
    waiting->release();  // it stays the caller's
    co_return !error;
}

void HelperAgent::remember(const std::string& key, const local::Answer& answer) {
    const bool is_over = answer.outcome.kind != mail::OutcomeKind::deferred &&
                         answer.forwards.empty() && !answer.wants_mailbox;
    if (is_over || answer.done.empty()) {
        if (done_.erase(key) > 0) {
            std::erase(order_, key);
        }
        return;
    }
    if (done_.insert_or_assign(key, answer.done).second) {
        order_.push_back(key);
    }
    if (order_.size() > kMaxRemembered) {
        done_.erase(order_.front());
        order_.pop_front();
    }
}

}  // namespace mxpost::deliver
