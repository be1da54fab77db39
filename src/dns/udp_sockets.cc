#include "dns/udp_sockets.h"

#include <algorithm>

namespace mxpost::dns {
namespace {

constexpr int kMostQuestions = 16;
constexpr std::chrono::seconds kMostSeconds(1);
constexpr std::size_t kMostIdle = 16;

}  // namespace

Result<UdpSockets::Lease> UdpSockets::take(
    const boost::asio::ip::udp::endpoint& server, bool is_fresh
) {
    const SteadyTime now = std::chrono::steady_clock::now();
    std::erase_if(idle_, [now](const Lease& idle) { return now - idle.opened > kMostSeconds; });
    const auto found = std::find_if(idle_.rbegin(), idle_.rend(), [&server](const Lease& idle) {
        return idle.server == server;
    });
    Lease lease;
    if (!is_fresh && found != idle_.rend()) {
        lease = std::move(*found);
        idle_.erase(std::next(found).base());
    } else {
        boost::system::error_code error;
        lease.socket = std::make_shared<Socket>(executor_);
        lease.server = server;
        lease.opened = now;
        lease.socket->open(server.protocol(), error);
        if (!error) {
            lease.socket->non_blocking(true, error);
        }
        if (!error) {
            lease.socket->connect(server, error);  // UDP: doesn't wait
        }
        if (error) {
            return Error(error, "can't use UDP");
        }
    }
    ++lease.questions;
    return lease;
}

void UdpSockets::put(Lease lease) {
    if (lease.questions < kMostQuestions && idle_.size() < kMostIdle) {
        idle_.push_back(std::move(lease));
    }
}

void UdpSockets::keep_one() {
    if (idle_.size() > 1) {
        idle_.erase(idle_.begin(), std::prev(idle_.end()));
    }
}

}  // namespace mxpost::dns
