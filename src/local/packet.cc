#include "local/packet.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

namespace mxpost::local {

Result<Packet> receive_packet(int socket, std::size_t limit) {
    Packet packet;
    packet.data.resize(limit);
    iovec data{packet.data.data(), packet.data.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = CMSG_LEN(sizeof(int));  // all of CMSG_SPACE has room for two
    ssize_t size = 0;
    do {
        size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        return Error::from_errno(errno, "recvmsg");
    }
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS &&
            part->cmsg_len == CMSG_LEN(sizeof(int))) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(part), sizeof number);
            packet.fd = Fd(number);
        }
    }
    // Descriptors that didn't come, for want of room or since this process may have no more, have
    // been closed by the kernel.
    const bool is_cut = (message.msg_flags & MSG_CTRUNC) != 0;
    if ((message.msg_flags & MSG_TRUNC) != 0 || (is_cut && packet.fd)) {
        return Error::invalid("packet too long");
    }
    packet.lacks_fd = is_cut;
    packet.data.resize(static_cast<std::size_t>(size));
    return packet;
}

Result<void> send_packet(int socket, std::string_view data, int fd) {
    iovec part{const_cast<char*>(data.data()), data.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fd >= 0) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* const head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof fd);
        std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
    }
    ssize_t sent = 0;
    do {
        sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? Result<void>(Error::from_errno(errno, "sendmsg")) : Result<void>();
}

}  // namespace mxpost::local
