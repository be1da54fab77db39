// ScriptedDnsServer: a name server on loopback inside the test process, UDP and TCP on one port,
// that answers each query with whatever the test says, right or wrong.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio.hpp>

#include "support/dns_packet.h"

namespace mxpost::test {

struct DnsQuery {
    std::string wire;
    bool is_tcp = false;

    std::uint16_t id() const {
        return static_cast<std::uint16_t>(
            static_cast<std::uint8_t>(wire[0]) << 8U | static_cast<std::uint8_t>(wire[1])
        );
    }
    /// The name asked for, dotted.
    std::string name() const {
        std::string dotted;
        for (std::size_t at = 12; wire[at] != '\0';) {
            const auto length = static_cast<std::size_t>(static_cast<std::uint8_t>(wire[at]));
            dotted += (dotted.empty() ? "" : ".") + wire.substr(at + 1, length);
            at += length + 1;
        }
        return dotted;
    }
    std::uint16_t type() const { return static_cast<std::uint8_t>(wire[wire.find('\0', 12) + 2]); }
    bool has_edns() const { return wire[11] == 1; }
    bool wants_ad() const { return (wire[3] & 0x20) != 0; }

    /// A reply to this query with its question in it.
    DnsPacket reply(std::uint16_t flags = DnsPacket::kRecursive) const {
        DnsPacket packet(id(), DnsPacket::kReply | flags);
        packet.question(name(), type());
        return packet;
    }
};

class ScriptedDnsServer {
public:
    /// The messages to send back, in order; none: silence.
    using Script = std::function<std::vector<std::string>(const DnsQuery&)>;

    /// Lives on `context`, which must not run any more after this object is gone.
    ScriptedDnsServer(boost::asio::io_context& context, const char* address, Script script)
        : script_(std::move(script)), udp_(context), tcp_(context) {
        open(boost::asio::ip::make_address(address));
        receive();
        accept();
    }

    boost::asio::ip::udp::endpoint endpoint() const { return udp_.local_endpoint(); }
    const std::vector<DnsQuery>& queries() const { return queries_; }
    /// The port that each UDP query came from.
    const std::vector<std::uint16_t>& source_ports() const { return source_ports_; }

private:
    using tcp = boost::asio::ip::tcp;
    using udp = boost::asio::ip::udp;
    using error_code = boost::system::error_code;

    struct Connection {
        explicit Connection(tcp::socket socket_) : socket(std::move(socket_)) {}
        tcp::socket socket;
        std::array<std::uint8_t, 2> prefix{};
        std::string query;
    };

    /// One port number that is free for both protocols.
    void open(const boost::asio::ip::address& address) {
        for (int attempt = 0; attempt < 100; ++attempt) {
            udp_ = udp::socket(udp_.get_executor(), udp::endpoint(address, 0));
            tcp_ = tcp::acceptor(tcp_.get_executor());
            tcp_.open(tcp::v4());
            error_code error;
            tcp_.bind(tcp::endpoint(address, udp_.local_endpoint().port()), error);
            if (!error) {
                tcp_.listen();
                return;
            }
        }
        throw std::runtime_error("no free port");
    }

    std::vector<std::string> answer(std::string wire, bool is_tcp) {
        queries_.push_back({std::move(wire), is_tcp});
        return script_(queries_.back());
    }

    void receive() {
        udp_.async_receive_from(
            boost::asio::buffer(buffer_),
            peer_,
            [this](error_code error, std::size_t size) {
                if (error) {
                    return;
                }
                source_ports_.push_back(peer_.port());
                for (const auto& reply : answer(std::string(buffer_.data(), size), false)) {
                    udp_.send_to(boost::asio::buffer(reply), peer_);
                }
                receive();
            }
        );
    }

    void accept() {
        tcp_.async_accept([this](error_code error, tcp::socket socket) {
            if (error) {
                return;
            }
            read(std::make_shared<Connection>(std::move(socket)));
            accept();
        });
    }

    void read(const std::shared_ptr<Connection>& connection) {
        boost::asio::async_read(
            connection->socket,
            boost::asio::buffer(connection->prefix),
            [this, connection](error_code error, std::size_t) {
                if (!error) {
                    connection->query.resize(
                        std::size_t{connection->prefix[0]} * 256 + connection->prefix[1]
                    );
                    read_query(connection);
                }
            }
        );
    }

    void read_query(const std::shared_ptr<Connection>& connection) {
        boost::asio::async_read(
            connection->socket,
            boost::asio::buffer(connection->query),
            [this, connection](error_code error, std::size_t) {
                if (error) {
                    return;
                }
                for (const auto& reply : answer(connection->query, true)) {
                    const auto size = static_cast<std::uint32_t>(reply.size());
                    const std::string frame = DnsPacket::be16(size) + reply;
                    error_code ignored;
                    boost::asio::write(connection->socket, boost::asio::buffer(frame), ignored);
                }
                read(connection);  // open until the client closes it
            }
        );
    }

    Script script_;
    boost::asio::ip::udp::socket udp_;
    boost::asio::ip::tcp::acceptor tcp_;
    std::array<char, 2048> buffer_{};
    udp::endpoint peer_;
    std::vector<DnsQuery> queries_;
    std::vector<std::uint16_t> source_ports_;
};

}  // namespace mxpost::test
