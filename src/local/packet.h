// Packets with a descriptor on SOCK_SEQPACKET sockets.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace mxpost::local {

struct Packet {
    std::string data;  // empty: the other side has closed
    Fd fd;             // none or one came with it
    /// One came, and is lost: this process can't open another descriptor now.
    bool lacks_fd = false;
};

/// One packet of at most `limit` octets; longer ones, and several descriptors, are an error.
/// Interrupted calls are made again; EAGAIN is an error of non-blocking sockets and timeouts.
Result<Packet> receive_packet(int socket, std::size_t limit);
/// `fd` -1: none.
Result<void> send_packet(int socket, std::string_view data, int fd = -1);

}  // namespace mxpost::local
