#include "local/packet.h"

#include <array>
#include <cstring>
#include <filesystem>
#include <iterator>

#include <gtest/gtest.h>

#include <sys/socket.h>

#include "unit/local/mailbox_test.h"
#include "unit/local/no_descriptors.h"

namespace mxpost::local {

namespace {

std::ptrdiff_t open_descriptors() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

class PacketTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::array<int, 2> ends{-1, -1};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
        ours = Fd(ends[0]);
        theirs = Fd(ends[1]);
    }

    Fd ours;
    Fd theirs;
    const Fd file = memory_file("text");
};

TEST_F(PacketTest, BringsADescriptorOrNone) {
    ASSERT_TRUE(send_packet(theirs.get(), "one", file.get()));
    ASSERT_TRUE(send_packet(theirs.get(), "none"));
    theirs.reset();
    const auto one = receive_packet(ours.get(), 16);
    ASSERT_TRUE(one);
    EXPECT_EQ(one->data, "one");
    EXPECT_TRUE(one->fd);
    EXPECT_FALSE(one->lacks_fd);
    const auto none = receive_packet(ours.get(), 16);
    ASSERT_TRUE(none);
    EXPECT_EQ(none->data, "none");
    EXPECT_FALSE(none->fd);
    EXPECT_FALSE(none->lacks_fd);
    const auto end = receive_packet(ours.get(), 16);
    ASSERT_TRUE(end);
    EXPECT_TRUE(end->data.empty());
}

TEST_F(PacketTest, SaysThatADescriptorIsLostWhereTheProcessCanHaveNoMore) {
    ASSERT_TRUE(send_packet(theirs.get(), "first", file.get()));
    ASSERT_TRUE(send_packet(theirs.get(), "second", file.get()));
    {
        const NoDescriptors none;
        const auto packet = receive_packet(ours.get(), 16);
        ASSERT_TRUE(packet) << packet.error().message();
        EXPECT_EQ(packet->data, "first");
        EXPECT_FALSE(packet->fd);
        EXPECT_TRUE(packet->lacks_fd);
    }
    const auto packet = receive_packet(ours.get(), 16);
    ASSERT_TRUE(packet);
    EXPECT_TRUE(packet->fd);
    EXPECT_FALSE(packet->lacks_fd);
}

TEST_F(PacketTest, WithSeveralDescriptorsIsAnErrorAndLeavesNoneOpen) {
    const std::array numbers{file.get(), file.get()};
    std::string data = "two";
    iovec part{data.data(), data.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof numbers)> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof numbers);
    std::memcpy(CMSG_DATA(head), numbers.data(), sizeof numbers);
    ASSERT_EQ(::sendmsg(theirs.get(), &message, 0), 3);
    const auto before = open_descriptors();
    EXPECT_FALSE(receive_packet(ours.get(), 16));
    EXPECT_EQ(open_descriptors(), before);
}

TEST_F(PacketTest, ThatIsTooLongIsAnErrorAndLeavesNoDescriptorOpen) {
    ASSERT_TRUE(send_packet(theirs.get(), "seventeen octets.", file.get()));
    const auto before = open_descriptors();
    const auto packet = receive_packet(ours.get(), 16);
    ASSERT_FALSE(packet);
    EXPECT_EQ(packet.error().message(), "packet too long");
    EXPECT_EQ(open_descriptors(), before);
}

}  // namespace

}  // namespace mxpost::local
