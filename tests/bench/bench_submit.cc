// The stop-watch of tests/bench/run; its output is JSON on stdout.
//
//   bench_submit calls CALLS CALLERS UID ROOT INPUT PROGRAM ARGUMENT...
//       CALLERS processes at once, each of them CALLS times: fork, chroot ROOT, become UID, exec
//       PROGRAM with INPUT as its stdin, wait4. Per call: wall time from before the fork to after
//       the wait, CPU of the child and its waited-for children, peak memory, exit status. "start"
//       is when the first began, by CLOCK_MONOTONIC.
//   bench_submit spread LETTER DOMAINS CALLS CALLERS UID ROOT INPUT PROGRAM ARGUMENT...
//       The same, each call with one more argument: a recipient of its own, u00000@LETTER0000.test,
//       u00001@LETTER0001.test and so on, DOMAINS domains in turn.
//   bench_submit sync DIRECTORY TIMES
//       The disk alone, in this process: write 2 KiB to a new file and sync it; sync the directory.
//   bench_submit sink SOCKET...
//       Reads and forgets what comes to these datagram sockets: everybody's /dev/log.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <time.h>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

struct Call {
    std::int64_t wall;  // microseconds, as are the next two
    std::int64_t user;
    std::int64_t system;
    long memory;  // KiB
    int status;   // exit status, or minus the signal
};

struct Order {
    int calls = 0;
    int callers = 0;
    uid_t uid = 0;
    const char* root = nullptr;
    const char* input = nullptr;
    char** command = nullptr;
    char letter = '\0';  // of the recipients' domains; none: the command is complete
    int domains = 0;
};

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(EXIT_FAILURE);
}

std::int64_t now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return std::int64_t{time.tv_sec} * 1000000 + time.tv_nsec / 1000;
}

std::int64_t microseconds(const timeval& time) {
    return std::int64_t{time.tv_sec} * 1000000 + time.tv_usec;
}

/// Between vfork and exec: nothing but system calls, as this runs in the parent's memory.
void become(const Order& order) {
    static char* const environment[] = {
        const_cast<char*>("PATH=/usr/local/bin:/usr/bin:/bin"),
        const_cast<char*>("HOME=/home/caller"),
        const_cast<char*>("LOGNAME=caller"),
        const_cast<char*>("USER=caller"),
        nullptr};
    const int input = ::open(order.input, O_RDONLY);
    if (input < 0 || ::chroot(order.root) != 0 || ::chdir("/") != 0) {
        return;
    }
    const int null = ::open("/dev/null", O_WRONLY);
    if (null < 0 || ::dup2(input, 0) < 0 || ::dup2(null, 1) < 0 || ::dup2(null, 2) < 0) {
        return;
    }
    ::close(input);
    ::close(null);
    const gid_t gid = order.uid;
    if (::syscall(SYS_setgroups, 0, nullptr) != 0 || ::syscall(SYS_setresgid, gid, gid, gid) != 0 ||
        ::syscall(SYS_setresuid, order.uid, order.uid, order.uid) != 0) {
        return;
    }
    ::execve(order.command[0], order.command, environment);
}

/// The command with the recipient of call NUMBER, both of which must outlive its use.
std::vector<char*> addressed(const Order& order, int number, std::array<char, 64>& recipient) {
    std::vector<char*> command;
    for (char** word = order.command; *word != nullptr; ++word) {
        command.push_back(*word);
    }
    if (order.letter != '\0') {
        std::snprintf(
            recipient.data(),
            recipient.size(),
            "u%05d@%c%04d.test",
            number,
            order.letter,
            number % order.domains
        );
        command.push_back(recipient.data());
    }
    command.push_back(nullptr);
    return command;
}

Call measure(const Order& all, int number) {
    std::array<char, 64> recipient{};
    std::vector<char*> command = addressed(all, number, recipient);
    Order order = all;
    order.command = command.data();
    Call call{};
    const std::int64_t start = now();
    const pid_t child = ::vfork();
    if (child == 0) {
        become(order);
        ::_exit(127);
    }
    int status = 0;
    rusage usage{};
    while (::wait4(child, &status, 0, &usage) < 0) {
        if (errno != EINTR) {
            die("wait4");
        }
    }
    call.wall = now() - start;
    call.user = microseconds(usage.ru_utime);
    call.system = microseconds(usage.ru_stime);
    call.memory = usage.ru_maxrss;
    call.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return call;
}

int measure_calls(const Order& order) {
    const std::size_t count =
        static_cast<std::size_t>(order.calls) * static_cast<std::size_t>(order.callers);
    void* const shared = ::mmap(
        nullptr, count * sizeof(Call), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0
    );
    if (shared == MAP_FAILED) {
        die("mmap");
    }
    auto* const calls = static_cast<Call*>(shared);
    std::memset(shared, 0, count * sizeof(Call));
    const std::int64_t start = now();
    for (int caller = 0; caller < order.callers; ++caller) {
        const pid_t worker = ::fork();
        if (worker < 0) {
            die("fork");
        }
        if (worker == 0) {
            for (int i = 0; i < order.calls; ++i) {
                const int number = caller * order.calls + i;
                calls[number] = measure(order, number);
            }
            ::_exit(0);
        }
    }
    for (int caller = 0; caller < order.callers; ++caller) {
        int status = 0;
        if (::wait(&status) < 0 || status != 0) {
            die("a caller failed");
        }
    }
    std::printf(
        "{\"start\": %lld, \"microseconds\": %lld, \"calls\": [",
        static_cast<long long>(start),
        static_cast<long long>(now() - start)
    );
    for (std::size_t i = 0; i < count; ++i) {
        const Call& call = calls[i];
        std::printf(
            "%s[%lld, %lld, %lld, %ld, %d]",
            i == 0 ? "" : ", ",
            static_cast<long long>(call.wall),
            static_cast<long long>(call.user),
            static_cast<long long>(call.system),
            call.memory,
            call.status
        );
    }
    std::printf("]}\n");
    return EXIT_SUCCESS;
}

int measure_syncs(const char* path, int times) {
    const int directory = ::open(path, O_RDONLY | O_DIRECTORY);
    const std::array<char, 2048> content{};
    std::printf("[");
    for (int i = 0; i < times; ++i) {
        const std::string name = "sync-" + std::to_string(i);
        const std::int64_t start = now();
        const int file = ::openat(directory, name.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (file < 0 || ::write(file, content.data(), content.size()) < 0 || ::fsync(file) != 0) {
            die(path);
        }
        const std::int64_t middle = now();
        if (::fsync(directory) != 0) {
            die(path);
        }
        const std::int64_t end = now();
        ::close(file);
        ::unlinkat(directory, name.c_str(), 0);
        std::printf(
            "%s[%lld, %lld]",
            i == 0 ? "" : ", ",
            static_cast<long long>(middle - start),
            static_cast<long long>(end - middle)
        );
    }
    std::printf("]\n");
    return EXIT_SUCCESS;
}

int listen_at(const char* path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (std::strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        die(path);
    }
    std::strcpy(address.sun_path, path);
    ::unlink(path);
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0 ||
        ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::chmod(path, 0666) != 0) {
        die(path);
    }
    return socket;
}

[[noreturn]] void sink(char** paths, int count) {
    std::vector<pollfd> sockets;
    for (int i = 0; i < count; ++i) {
        sockets.push_back({listen_at(paths[i]), POLLIN, 0});
    }
    std::puts("ready");
    std::fflush(stdout);
    std::array<char, 65536> datagram{};
    for (;;) {
        ::poll(sockets.data(), sockets.size(), -1);
        for (const pollfd& socket : sockets) {
            while (socket.revents != 0 &&
                   ::recv(socket.fd, datagram.data(), datagram.size(), MSG_DONTWAIT) >= 0) {
            }
        }
    }
}

/// CALLS CALLERS UID ROOT INPUT PROGRAM ARGUMENT...
Order read_order(char** arguments) {
    Order order;
    order.calls = std::atoi(arguments[0]);
    order.callers = std::atoi(arguments[1]);
    order.uid = static_cast<uid_t>(std::atoi(arguments[2]));
    order.root = arguments[3];
    order.input = arguments[4];
    order.command = arguments + 5;
    return order;
}

}  // namespace

int main(int count, char** arguments) {
    const std::string what = count > 1 ? arguments[1] : "";
    if (what == "calls" && count >= 8) {
        return measure_calls(read_order(arguments + 2));
    }
    if (what == "spread" && count >= 10) {
        Order order = read_order(arguments + 4);
        order.letter = arguments[2][0];
        order.domains = std::max(1, std::atoi(arguments[3]));
        return measure_calls(order);
    }
    if (what == "sync" && count == 4) {
        return measure_syncs(arguments[2], std::atoi(arguments[3]));
    }
    if (what == "sink" && count > 2) {
        sink(arguments + 2, count - 2);
    }
    std::fputs("usage: see the head of bench_submit.cc\n", stderr);
    return 64;
}
