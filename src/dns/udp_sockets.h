// UdpSockets: sockets that are connected to a name server and wait for their next question. To
// open, connect, register and close one costs more than the question itself.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/udp.hpp>

#include "base/clock.h"
#include "base/result.h"

namespace mxpost::dns {

class UdpSockets {
public:
    using Socket = boost::asio::ip::udp::socket;

    /// One socket, for one question at a time.
    struct Lease {
        std::shared_ptr<Socket> socket;
        boost::asio::ip::udp::endpoint server;
        SteadyTime opened;
        int questions = 0;
        bool is_used() const { return questions > 1; }
    };

    explicit UdpSockets(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    /// A socket that isn't blocking and connected, so that the kernel picks a random port and drops
    /// what other hosts send (RFC 5452 9). Who knew its port could guess at the id alone, so each
    /// serves for a moment and a few questions only. One that is_used() may have gone stale: what
    /// fails with it deserves a fresh one.
    Result<Lease> take(const boost::asio::ip::udp::endpoint& server, bool is_fresh = false);
    /// After a reply, when nothing waits on the socket any more.
    void put(Lease lease);
    /// No question is under way: of those that wait, one is enough for the next.
    void keep_one();
    void clear() { idle_.clear(); }

private:
    boost::asio::any_io_executor executor_;
    std::vector<Lease> idle_;  // the last one was used last
};

}  // namespace mxpost::dns
