// The least that sending a message costs: a client that knows no queue, no DNS and no disk, for
// tests/bench/run. One thread.
//
//   bench_client ADDRESS MESSAGES CONNECTIONS PER_CONNECTION OCTETS
//       Sends MESSAGES messages of OCTETS octets to port 25 of ADDRESS over CONNECTIONS connections
//       at a time, each replaced after PER_CONNECTION messages. With PIPELINING: the content of one
//       message and MAIL, RCPT and DATA of the next are one write (RFC 2920 3.1). Prints JSON: wall
//       time and its own CPU, in microseconds.
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <time.h>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr const char* kEnvelope =
    "MAIL FROM:<load@bench.example.com>\r\nRCPT TO:<u00000@d0000.test>\r\nDATA\r\n";

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(EXIT_FAILURE);
}

std::int64_t now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return std::int64_t{time.tv_sec} * 1000000 + time.tv_nsec / 1000;
}

std::string make_content(std::size_t octets) {
    std::string text = "From: load@bench.example.com\r\nSubject: load\r\n\r\n";
    while (text.size() < octets) {
        text += "Nothing to read here: this line is as long as lines of mail often are.\r\n";
    }
    return text + ".\r\n";
}

class Load {
public:
    Load(const char* address, int messages, int per_connection, std::size_t octets)
        : left_(messages), per_connection_(per_connection), content_(make_content(octets)) {
        peer_.sin_family = AF_INET;
        peer_.sin_port = htons(25);
        if (::inet_pton(AF_INET, address, &peer_.sin_addr) != 1) {
            errno = EINVAL;
            die(address);
        }
    }

    void run(int connections) {
        std::vector<std::unique_ptr<Connection>> all;
        for (int i = 0; i < connections && left_ > 0; ++i) {
            all.push_back(std::make_unique<Connection>());
            open(*all.back());
        }
        std::array<epoll_event, 64> events{};
        while (open_ > 0) {
            const int ready = ::epoll_wait(poll_, events.data(), events.size(), 30000);
            if (ready <= 0) {
                die("epoll_wait");
            }
            for (int i = 0; i < ready; ++i) {
                read(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
            }
        }
    }

private:
    struct Connection {
        int socket = -1;
        int permitted = 0;  // messages that may still begin on it
        bool greeted = false;
        bool quits = false;
        std::string input;
    };

    void open(Connection& connection) {
        connection = Connection{};
        connection.permitted = per_connection_;
        connection.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (::connect(connection.socket, reinterpret_cast<const sockaddr*>(&peer_), sizeof peer_) !=
            0) {
            die("connect");
        }
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &connection;
        if (::epoll_ctl(poll_, EPOLL_CTL_ADD, connection.socket, &event) != 0) {
            die("epoll_ctl");
        }
        ++open_;
    }

    void read(Connection& connection) {
        std::array<char, 4096> buffer{};
        const ssize_t size = ::read(connection.socket, buffer.data(), buffer.size());
        if (size < 0) {
            die("read");
        }
        if (size == 0) {
            close(connection);
            return;
        }
        connection.input.append(buffer.data(), static_cast<std::size_t>(size));
        std::string output;
        std::size_t begin = 0;
        for (std::size_t end = 0; (end = connection.input.find('\n', begin)) != std::string::npos;
             begin = end + 1) {
            if (end - begin >= 4 && connection.input[begin + 3] == ' ') {
                reply(connection, connection.input[begin], output);
            }
        }
        connection.input.erase(0, begin);
        write(connection, output);
    }

    void reply(Connection& connection, char digit, std::string& output) {
        if (digit == '3') {
            output += content_;
            next(connection, output);
        } else if (digit != '2') {
            errno = EPROTO;
            die("a reply that isn't 2xx");
        } else if (!connection.greeted) {
            connection.greeted = true;
            output += "EHLO bench.example.com\r\n";
            next(connection, output);
        }
    }

    /// In one flight with what came before it, EHLO too: the sink is known to permit it.
    void next(Connection& connection, std::string& output) {
        if (left_ > 0 && connection.permitted > 0) {
            --left_;
            --connection.permitted;
            output += kEnvelope;
        } else if (!connection.quits) {
            connection.quits = true;
            output += "QUIT\r\n";
        }
    }

    static void write(Connection& connection, const std::string& output) {
        for (std::size_t sent = 0; sent < output.size();) {
            const ssize_t size =
                ::write(connection.socket, output.data() + sent, output.size() - sent);
            if (size < 0) {
                die("write");
            }
            sent += static_cast<std::size_t>(size);
        }
    }

    void close(Connection& connection) {
        if (!connection.quits) {
            errno = ECONNRESET;
            die("closed early");
        }
        ::close(connection.socket);
        --open_;
        if (left_ > 0) {
            open(connection);
        }
    }

    int poll_ = ::epoll_create1(EPOLL_CLOEXEC);
    int left_;
    int per_connection_;
    int open_ = 0;
    std::string content_;
    sockaddr_in peer_{};
};

std::int64_t microseconds(const timeval& time) {
    return std::int64_t{time.tv_sec} * 1000000 + time.tv_usec;
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 6) {
        std::fputs("usage: see the head of bench_client.cc\n", stderr);
        return 64;
    }
    const std::int64_t start = now();
    Load load(
        arguments[1],
        std::atoi(arguments[2]),
        std::atoi(arguments[4]),
        static_cast<std::size_t>(std::atoi(arguments[5]))
    );
    load.run(std::atoi(arguments[3]));
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    std::printf(
        "{\"microseconds\": %lld, \"cpu_microseconds\": %lld}\n",
        static_cast<long long>(now() - start),
        static_cast<long long>(microseconds(usage.ru_utime) + microseconds(usage.ru_stime))
    );
}
