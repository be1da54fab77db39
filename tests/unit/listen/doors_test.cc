#include "listen/doors.h"

#include <cstdlib>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "listen/peer.h"
#include "support/temporary_directory.h"

namespace mxpost::listen {
namespace {

using testing::HasSubstr;

std::vector<config::ListenAddress> addresses(const std::string& text) {
    return config::parse_listen_addresses(text).value();
}

Fd connect_to(const config::ListenAddress& to) {
    const SocketAddress address = socket_address(to);
    Fd socket(::socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(socket.get(), address.get(), address.size), 0);
    return socket;
}

const auto kNoWarning = [](std::string_view line) { ADD_FAILURE() << line; };

/// A free port of this host, found by listening on one that the kernel chose.
std::uint16_t free_port() {
    config::ListenAddress any = addresses("127.0.0.1:1")[0];
    any.port = 0;
    const SocketAddress address = socket_address(any);
    const Fd socket(::socket(AF_INET, SOCK_STREAM, 0));
    EXPECT_EQ(::bind(socket.get(), address.get(), address.size), 0);
    return local_address(socket.get())->port;
}

TEST(Doors, OpenOnIpAddressesAndOnUnixSockets) {
    const test::TemporaryDirectory directory;
    const auto wanted =
        addresses("127.0.0.1:" + std::to_string(free_port()) + ", " + directory / "submit.sock");
    const auto doors = open_doors(wanted, {}, kNoWarning);
    ASSERT_TRUE(doors) << doors.error().message();
    ASSERT_EQ(doors->size(), 2U);
    const Fd tcp = connect_to(wanted[0]);
    const Fd tcp_end(::accept(doors->at(0).socket.get(), nullptr, nullptr));
    ASSERT_TRUE(peer_of(tcp_end.get()));
    EXPECT_EQ(peer_of(tcp_end.get())->text(), "127.0.0.1");
    const Fd local = connect_to(wanted[1]);
    const Fd local_end(::accept(doors->at(1).socket.get(), nullptr, nullptr));
    ASSERT_TRUE(peer_of(local_end.get()));
    EXPECT_EQ(peer_of(local_end.get())->text(), "uid=" + std::to_string(::getuid()));
    // Whoever may go there may connect.
    struct stat status {};
    ASSERT_EQ(::stat((directory / "submit.sock").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0666U);
}

TEST(Doors, ReplaceAUnixSocketThatNobodyAnswersAt) {
    const test::TemporaryDirectory directory;
    const auto wanted = addresses(directory / "s");
    { ASSERT_TRUE(open_doors(wanted, {}, kNoWarning)); }
    const auto again = open_doors(wanted, {}, kNoWarning);
    ASSERT_TRUE(again) << again.error().message();
    const auto third = open_doors(wanted, {}, kNoWarning);
    ASSERT_FALSE(third);
    EXPECT_THAT(third.error().message(), HasSubstr("another mail server"));
}

TEST(Doors, LeaveAloneWhatIsNoSocket) {
    const test::TemporaryDirectory directory;
    const Fd file(::open((directory / "s").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    EXPECT_FALSE(open_doors(addresses(directory / "s"), {}, kNoWarning));
    EXPECT_EQ(::access((directory / "s").c_str(), F_OK), 0);
}

TEST(Doors, AreTakenFromTheServiceManagerOnlyForThisProcess) {
    ::setenv("LISTEN_PID", "1", 1);
    ::setenv("LISTEN_FDS", "1", 1);
    const auto doors = take_passed_sockets();
    ASSERT_TRUE(doors);
    EXPECT_TRUE(doors->empty());
    EXPECT_EQ(::getenv("LISTEN_PID"), nullptr);
    EXPECT_EQ(::getenv("LISTEN_FDS"), nullptr);
}

TEST(Doors, ArentOpenedTwice) {
    const auto wanted = addresses("127.0.0.1:" + std::to_string(free_port()));
    auto first = open_doors(wanted, {}, kNoWarning);
    ASSERT_TRUE(first);
    const auto both = open_doors(wanted, std::move(*first), kNoWarning);
    ASSERT_TRUE(both);
    EXPECT_EQ(both->size(), 1U);
}

}  // namespace
}  // namespace mxpost::listen
