#include "route/source_check.h"

#include <boost/asio/ip/udp.hpp>

#include <sys/socket.h>

#include "base/fd.h"

namespace mxpost::route {

namespace asio = boost::asio;
namespace ip = boost::asio::ip;

namespace {

constexpr std::chrono::seconds kPatience(2);
constexpr std::uint16_t kAnyPort = 25;

socklen_t length(std::size_t size) {
    return static_cast<socklen_t>(size);
}

}  // namespace

std::optional<ip::address> source_to(
    const ip::address& destination, const std::optional<ip::address>& configured
) {
    const ip::udp::endpoint to(destination, kAnyPort);
    const Fd socket(::socket(to.protocol().family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) {
        return std::nullopt;
    }
    if (configured) {
        const ip::udp::endpoint from(*configured, 0);
        if (::bind(socket.get(), from.data(), length(from.size())) != 0) {
            return std::nullopt;
        }
    }
    ip::udp::endpoint local;
    socklen_t size = length(local.capacity());
    if (::connect(socket.get(), to.data(), length(to.size())) != 0 ||
        ::getsockname(socket.get(), local.data(), &size) != 0) {
        return std::nullopt;
    }
    return local.address();
}

asio::awaitable<bool> SourceCheck::is_confirmed_to(ip::address destination) {
    const std::optional<ip::address> source = source_of_(destination);
    if (!source) {
        co_return false;
    }
    const ReverseName name = co_await names_.find(*source, kPatience);
    co_return name.is_confirmed;
}

}  // namespace mxpost::route
