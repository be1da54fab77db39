// Which spool takes the message: the first of the candidates that this uid can write to (design,
// "Fallbacks"), within its limits.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "spool/box.h"
#include "spool/message_writer.h"
#include "submit/surroundings.h"

namespace mxpost::submit {

/// The caller's box and the writer of the new message in it; both empty: no spool can be written
/// to, or there is a shortage.
struct ChosenSpool {
    /// Not empty: the spool is there, but the message would leave too little room on its disk. This
    /// says which limit that is: the error of a full disk, "No space left", wouldn't be true.
    std::string shortage;
    std::unique_ptr<spool::Box> box;  // at a fixed place: the writer points to it
    std::optional<spool::MessageWriter> writer;
};

/// Only a spool that isn't there, or isn't for us, makes the next one be tried. An error means
/// "try again later": the disk is full or broken, or this user has too many messages queued.
Result<ChosenSpool> choose_spool(const Surroundings& around, const spool::MessageId& id);

/// The new message goes to this box (`box` stays empty), if there is room. How many messages may be
/// in it is the caller's to know: listing a long queue for each message would take longer than
/// taking it.
Result<ChosenSpool> use_box(
    const Surroundings& around, const spool::Box& box, const spool::MessageId& id
);

/// Would this message, of `octets` of content, be within what this user may have in the queue? Then
/// it is counted as queued. An error says which limit it exceeds.
Result<void> count_in(
    const Surroundings& around,
    const spool::Box& box,
    std::uint64_t octets,
    std::uint64_t recipients
);

/// The candidates of this uid, in their order.
std::vector<std::string> candidates(const Surroundings& around);

}  // namespace mxpost::submit
