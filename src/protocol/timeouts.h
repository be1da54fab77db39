// How long a client waits for each step: RFC 5321 4.5.3.2's least values.
#pragma once

#include <chrono>

namespace mxpost::protocol {

struct Timeouts {
    using Duration = std::chrono::milliseconds;

    Duration connect = std::chrono::seconds(30);  // the kernel's own is over two minutes
    /// Until another address of equal preference is tried beside one that doesn't answer.
    Duration connect_stagger = std::chrono::seconds(2);
    Duration greeting = std::chrono::minutes(5);    // RFC 5321 4.5.3.2.1
    Duration hello = std::chrono::minutes(5);       // EHLO, HELO
    Duration start_tls = std::chrono::minutes(2);   // the command and, again, the handshake
    Duration mail = std::chrono::minutes(5);        // 4.5.3.2.2, also RSET
    Duration recipient = std::chrono::minutes(5);   // 4.5.3.2.3
    Duration data = std::chrono::minutes(2);        // 4.5.3.2.4
    Duration data_block = std::chrono::minutes(3);  // 4.5.3.2.5, each write
    Duration data_end = std::chrono::minutes(10);   // 4.5.3.2.6: shorter ones make duplicates
    Duration quit = std::chrono::seconds(5);        // nothing hangs on its reply
    /// A server that thinks longer over a message gets the next one's commands only afterwards.
    Duration slow_reply = std::chrono::seconds(1);
    /// Bound on one open() and on one send(), against servers that answer each step just in time;
    /// a send() gets a second more for each 4 KiB of content.
    Duration total = std::chrono::minutes(60);
};

}  // namespace mxpost::protocol
