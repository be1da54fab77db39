// How much of the queue a box holds, so that submission can keep to a user's limits without looking
// at each message: a small file beside the messages, ".usage", to which each submission adds what
// it is about to queue.
//
// The file is the owner's, like the messages: it spares honest callers the counting, and a
// dishonest one doesn't need it (the engine keeps to the limits on its own). What leaves the queue
// isn't subtracted; when the sum reaches a limit the messages are counted anew. A small box, which
// can't be over the limits whatever its messages are, has no such file and costs nothing.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/file_system.h"
#include "spool/box.h"

namespace mxpost::spool {

/// Header, empty line and body; the recipients of the envelope.
struct Usage {
    std::uint64_t messages = 0;
    std::uint64_t octets = 0;
    std::uint64_t recipients = 0;
};

struct UsageLimits {
    std::uint64_t octets = 0;
    std::uint64_t recipients = 0;
    // The most that one message has, to know boxes that can't be over the limits.
    std::uint64_t message_octets = 0;
    std::uint64_t message_recipients = 0;
    std::uint64_t messages = UINT64_MAX;
};

enum class UsageVerdict { within, too_many_octets, too_many_recipients, too_many_messages };

/// How many entries a directory of this size can have at most, to tell that a queue is short
/// without reading it.
std::uint64_t most_entries(std::uint64_t directory_size);

/// Would one message more be within the limits? Then it is counted. Callers at the same moment may
/// exceed a limit by one message each. An error is what a call said about the box itself.
Result<UsageVerdict> count_in(
    FileSystem& files,
    const Box& box,
    const UsageLimits& limits,
    std::uint64_t octets,
    std::uint64_t recipients,
    WallTime now
);

/// Counts the messages in the box by looking at each. What can't be read counts as one recipient
/// and its file's size.
Result<Usage> count_messages(FileSystem& files, const Box& box);

}  // namespace mxpost::spool
