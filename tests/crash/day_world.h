// The mail servers of a simulated day: each has moods, in which it is well, dead, silent, busy, …
// and now and then it does anything at all.
#pragma once

#include <algorithm>
#include <cerrno>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "day_ledger.h"
#include "report_subjects.h"
#include "spool/entry_name.h"
#include "support/fake_resolver.h"
#include "support/loopback_server.h"
#include "support/scripted_peer.h"

namespace mxpost::deliver {

enum class Mood { well, flaky, busy, greylisting, silent, dead, unreachable, nameless };
constexpr int kMoods = 8;

enum class Turn { well, later, never, close, reset, silence, garbage };

struct Receiver {
    std::string domain;  // "s3.example"; its only host is 192.0.2.103
    std::uint32_t number = 0;
    Mood mood = Mood::well;
    std::uint16_t port = 0;  // of the server that plays it, on loopback
};

/// The content of message `number`, lines with dots and all.
inline std::string body_of(unsigned number) {
    std::string body = ".message " + std::to_string(number) + "\r\n";
    for (unsigned i = 0; i < number % 30; ++i) {
        body += i % 7 == 0 ? ".\r\n" : "line " + std::to_string(i) + "\r\n";
    }
    return body;
}

class World {
public:
    using Task = boost::asio::awaitable<void>;
    static constexpr std::uint32_t kReceivers = 20;
    static constexpr std::uint32_t kFirstHost = 100;  // 192.0.2.100

    World(Ledger& ledger, std::mt19937_64& random) : ledger_(ledger), random_(random) {
        for (std::uint32_t i = 0; i < kReceivers; ++i) {
            receivers_.push_back({i == 0 ? "home.example" : "s" + std::to_string(i) + ".example", i}
            );
        }
        current_ = this;
    }
    ~World() { current_ = nullptr; }
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    static World* current() { return current_; }
    std::vector<Receiver>& receivers() { return receivers_; }
    bool is_calm = false;  // nothing goes wrong any more

    /// Servers for one life of an engine, in its loop.
    void open(boost::asio::io_context& io) {
        servers_.clear();
        for (Receiver& receiver : receivers_) {
            auto play = [this, &receiver](test::ServerConnection& peer) {
                return serve(receiver, peer);
            };
            servers_.push_back(std::make_unique<test::LoopbackServer>(
                io, std::vector<test::LoopbackServer::Handler>{play}
            ));
            receiver.port = servers_.back()->port();
        }
    }
    void close() {
        servers_.clear();
        ends_.clear();
    }
    void tell(test::FakeResolver& resolver) const {
        for (const Receiver& receiver : receivers_) {
            const std::string host = "mx." + receiver.domain;
            resolver.add_address(host, "192.0.2." + std::to_string(kFirstHost + receiver.number));
            tell(resolver, receiver);
        }
    }
    static void tell(test::FakeResolver& resolver, const Receiver& receiver) {
        resolver.fail_mx(receiver.domain, "SERVFAIL");
        if (receiver.mood != Mood::nameless) {
            resolver.forget_mx(receiver.domain);
            resolver.add_mx(receiver.domain, 10, "mx." + receiver.domain);
        }
    }

    void connecting(int descriptor) { ends_.insert(descriptor); }
    /// Something that was said hasn't arrived yet, or that the other end has closed: on a machine
    /// with other work, loopback takes time.
    bool is_busy() {
        const int on = 1;
        std::erase_if(ends_, [&on](int descriptor) {
            // Else the acknowledgement, by which it is known, takes 40 ms.
            return ::setsockopt(descriptor, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on) != 0;
        });
        std::set<std::pair<int, int>> open;  // ports: an end's own, the other's
        for (const int descriptor : ends_) {
            tcp_info info{};
            socklen_t size = sizeof info;
            if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
                continue;
            }
            if (info.tcpi_state == TCP_SYN_SENT || info.tcpi_unacked > 0) {
                return true;
            }
            if (info.tcpi_state == TCP_ESTABLISHED) {
                open.emplace(port(descriptor, ::getsockname), port(descriptor, ::getpeername));
            }
        }
        return std::ranges::any_of(open, [&open](const auto& end) {
            return !open.contains({end.second, end.first});
        });
    }

    /// What connect(2) does: leads to the server that plays the host, or fails with this error.
    int redirect(sockaddr_in& address) const {
        const std::uint32_t host = ntohl(address.sin_addr.s_addr) & 255U;
        const Receiver& receiver = receivers_.at(host - kFirstHost);
        if (receiver.mood == Mood::dead) {
            return host % 2 == 0 ? ECONNREFUSED : ETIMEDOUT;
        }
        if (receiver.mood == Mood::unreachable) {
            return EHOSTUNREACH;
        }
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(receiver.port);
        return 0;
    }

private:
    static int port(int descriptor, int (*name)(int, sockaddr*, socklen_t*)) {
        sockaddr_in address{};
        socklen_t size = sizeof address;
        (void)name(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
        return ntohs(address.sin_port);
    }

    /// One connection's.
    struct Talk {
        test::ServerConnection& peer;
        Receiver& receiver;
        std::vector<std::string> recipients;
        std::vector<std::string> taken;  // at that moment, last
        SteadyTime taken_at;
        std::string chunks;
        bool has_sender = false;
        bool is_broken = false;  // the client has heard nonsense, and hears no more
    };

    bool is_likely(unsigned percent) { return random_() % 100 < percent; }

    Turn turn(const Receiver& receiver, bool may_refuse) {
        if (is_calm) {
            return Turn::well;
        }
        if (receiver.mood == Mood::silent) {
            return Turn::silence;
        }
        if (receiver.mood == Mood::busy && is_likely(60)) {
            return Turn::later;
        }
        if (!is_likely(receiver.mood == Mood::flaky ? 20 : 1)) {
            return may_refuse && is_likely(1) ? Turn::never : Turn::well;
        }
        constexpr Turn kTroubles[] = {
            Turn::later, Turn::close, Turn::reset, Turn::silence, Turn::garbage};
        return kTroubles[random_() % std::size(kTroubles)];
    }

    /// False: the connection is over.
    boost::asio::awaitable<bool> answer(Talk& talk, Turn turn, std::string normal) {
        switch (turn) {
            case Turn::well:
                co_await talk.peer.say(std::move(normal));
                co_return true;
            case Turn::later: {
                std::string reply = talk.receiver.mood == Mood::greylisting
                                        ? "450 4.7.1 Greylisted, please try again later\r\n"
                                        : "451 4.3.0 Not now\r\n";
                co_await talk.peer.say(std::move(reply));
                co_return true;
            }
            case Turn::never:
                co_await talk.peer.say("550 5.1.1 Nobody of that name\r\n");
                co_return true;
            case Turn::garbage:
                talk.is_broken = true;
                co_await talk.peer.say("\x1b[2J2:0 what\r\n");
                co_return true;
            case Turn::silence: {
                std::string line;
                while (line != "<end>") {
                    line = co_await talk.peer.line();
                }
                break;
            }
            case Turn::close:
                talk.peer.close();
                break;
            case Turn::reset:
                talk.peer.reset();
                break;
        }
        if (talk.taken_at == ledger_.now()) {  // with what was said last
            ledger_.unknown(talk.taken);
        }
        talk.peer.close();
        co_return false;
    }

    Task serve(Receiver& receiver, test::ServerConnection& peer) {
        Talk talk{peer, receiver, {}, {}, {}, {}, false, false};
        ends_.insert(peer.descriptor());
        const Turn greeting = turn(receiver, false);
        bool goes_on = co_await answer(talk, greeting, "220 mx ESMTP\r\n");
        while (goes_on) {
            const std::string line = co_await peer.line();
            if (line == "<end>" || line == "QUIT") {
                break;
            }
            goes_on = co_await command(talk, line);
        }
        peer.close();
    }

    boost::asio::awaitable<bool> command(Talk& talk, std::string line) {
        const Turn next = turn(talk.receiver, line.starts_with("RCPT"));
        if (line.starts_with("EHLO")) {
            std::string lines =
                talk.receiver.number % 3 == 0 ? "250 mx\r\n" : "250-mx\r\n250 PIPELINING\r\n";
            lines = talk.receiver.number % 3 == 1 ? "250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n"
                                                  : lines;
            co_return co_await answer(talk, next, std::move(lines));
        }
        if (line.starts_with("MAIL") || line == "RSET") {
            talk.recipients.clear();
            talk.chunks.clear();
            talk.has_sender = line != "RSET" && next == Turn::well;
            talk.is_broken |= line == "RSET" && next != Turn::well;
            co_return co_await answer(talk, next, "250 2.1.0 Ok\r\n");
        }
        if (line.starts_with("RCPT TO:<")) {
            co_return co_await recipient(talk, next, line.substr(9, line.find('>') - 9));
        }
        if (line == "DATA") {
            if (talk.recipients.empty()) {
                co_return co_await answer(talk, Turn::well, "554 5.5.1 Nobody to get it\r\n");
            }
            const bool goes_on = co_await answer(talk, next, "354 Go on\r\n");
            if (goes_on && next == Turn::well) {
                std::string content = co_await talk.peer.content();
                co_return co_await end(talk, std::move(content), true);
            }
            co_return goes_on;
        }
        if (line.starts_with("BDAT ")) {
            const std::size_t size = std::stoul(line.substr(5));
            std::string octets = co_await talk.peer.octets(size);
            if (octets.size() < size) {
                co_return false;
            }
            talk.chunks += octets;
            if (talk.recipients.empty()) {
                co_return co_await answer(talk, Turn::well, "554 5.5.1 Nobody to get it\r\n");
            }
            if (line.ends_with(" LAST")) {
                std::string content = std::exchange(talk.chunks, {});
                co_return co_await end(talk, std::move(content), false);
            }
        }
        co_return co_await answer(talk, next, "250 2.0.0 Ok\r\n");
    }

    boost::asio::awaitable<bool> recipient(Talk& talk, Turn next, std::string address) {
        if (!talk.has_sender) {
            co_return co_await answer(talk, Turn::well, "503 5.5.1 MAIL first\r\n");
        }
        // Whoever is greylisted comes again.
        const auto known = ledger_.stories.find(address);
        const bool is_new = talk.receiver.mood == Mood::greylisting &&
                            known != ledger_.stories.end() && known->second.attempts < 2;
        if (is_new && next == Turn::well) {
            next = Turn::later;
        }
        if (next == Turn::never && talk.receiver.number == 0) {
            next = Turn::later;  // else reports would be lost, rightly
        }
        if (next == Turn::well) {
            talk.recipients.push_back(address);
        } else if (next == Turn::never) {
            ledger_.stories[address].is_doomed = true;
        }
        co_return co_await answer(talk, next, "250 2.1.5 Ok\r\n");
    }

    boost::asio::awaitable<bool> end(Talk& talk, std::string content, bool is_framed) {
        if (content.ends_with("<end>")) {
            co_return false;
        }
        const Turn next = turn(talk.receiver, talk.receiver.number != 0);
        const bool is_taken =
            next == Turn::well || (next != Turn::later && next != Turn::never && is_likely(50));
        if (is_taken) {
            if (talk.taken_at != ledger_.now()) {
                talk.taken.clear();
            }
            const bool is_unknown = next != Turn::well || talk.is_broken;
            for (std::string& name : take(talk.recipients, content, is_framed, is_unknown)) {
                talk.taken.push_back(std::move(name));
            }
            talk.taken_at = ledger_.now();
        }
        for (const std::string& address : talk.recipients) {
            if (next == Turn::never) {
                ledger_.stories[address].is_doomed = true;
            }
        }
        talk.recipients.clear();
        talk.has_sender = false;
        co_return co_await answer(talk, next, "250 2.0.0 Taken\r\n");
    }

    /// Returns by what names the ledger knows it.
    std::vector<std::string> take(
        const std::vector<std::string>& recipients,
        const std::string& content,
        bool is_framed,
        bool is_unknown
    ) {
        if (recipients.front() == "s@home.example") {
            return {take_report(content, is_unknown)};
        }
        const std::size_t at = content.find("Subject: ");
        EXPECT_NE(at, std::string::npos) << content;
        const auto number = static_cast<unsigned>(std::stoul(content.substr(at + 9)));
        std::string body = "\r\n\r\n";
        body += is_framed ? test::ScriptedPeer::framed(body_of(number)) : body_of(number);
        EXPECT_TRUE(content.ends_with(body)) << content;
        const std::string prefix = "r" + std::to_string(number) + "-";
        for (const std::string& address : recipients) {
            EXPECT_TRUE(address.starts_with(prefix)) << address << " got message " << number;
            ledger_.taken(address, is_unknown);
        }
        return recipients;
    }

    std::string take_report(const std::string& content, bool is_unknown) {
        const std::size_t at = content.find("Message-ID: <");
        EXPECT_NE(at, std::string::npos) << content;
        const std::string id = content.substr(at + 13, spool::kMessageIdSize);
        const bool is_first = ledger_.stories[id].taken == 0;
        ledger_.stories[id].message = id;
        ledger_.taken(id, is_unknown);
        for (const auto& [address, action] : subjects_of(content)) {
            if (is_first && action == "failed") {
                ledger_.reported(address);
            }
        }
        return id;
    }

    static inline World* current_ = nullptr;
    Ledger& ledger_;
    std::mt19937_64& random_;
    std::vector<Receiver> receivers_;
    std::vector<std::unique_ptr<test::LoopbackServer>> servers_;
    std::set<int> ends_;  // descriptors of connections, both ends
};

// The linker's names: see VIRTUAL_TIME_WRAPS.

int real_connect(int fd, const sockaddr* address, socklen_t size) asm("__real_connect");

int world_connect(int fd, const sockaddr* address, socklen_t size) asm("__wrap_connect");
int world_connect(int fd, const sockaddr* address, socklen_t size) {
    if (World::current() == nullptr || address->sa_family != AF_INET) {
        return real_connect(fd, address, size);
    }
    sockaddr_in internet = *reinterpret_cast<const sockaddr_in*>(address);
    if (const int error = World::current()->redirect(internet); error != 0) {
        errno = error;
        return -1;
    }
    World::current()->connecting(fd);
    return real_connect(fd, reinterpret_cast<const sockaddr*>(&internet), sizeof internet);
}

}  // namespace mxpost::deliver
