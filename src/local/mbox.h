// Appends a message to an mbox file: /var/mail/USER, or a file that a user or an alias names.
//
// Locked as Debian policy 11.6 asks, with fcntl(2)'s lock first and the lock file after it; when
// the second can't be had the first is let go, so that nobody waits for anybody who waits.
//
// Crashes: the message counts as delivered after fsync, when the lock file is gone. A writer killed
// before that leaves its lock file, which says how long the mailbox was; the next writer cuts what
// was begun (the queue still has it). After a crash of the machine the lock file may say nothing:
// then the torn message is closed with an empty line, and the log tells of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/random.h"
#include "local/message_reader.h"
#include "mail/outcome.h"

namespace mxpost::local {

/// What the writers of mailboxes need. References outlive the writers.
struct MailboxTools {
    FileSystem& files;
    const Clock& clock;
    Random& random;
    std::function<void(std::chrono::milliseconds)> pause;  // sleeps
    std::function<void(const std::string&)> warn;          // to the log
};

struct MboxFile {
    std::string path;                // absolute; its last component is never followed as a link
    std::optional<uid_t> owner;      // who must own the file
    mode_t mode = 0600;              // for a new one
    bool is_lock_file_must = false;  // false: where none can be made, fcntl's lock is enough
};

inline constexpr std::chrono::seconds kLockWait{30};

/// Delivered; or deferred with the reason (4.2.2 for a full disk or quota). Nothing of the message
/// stays behind then.
mail::RecipientOutcome append_to_mbox(
    const MailboxTools& tools,
    const MboxFile& mbox,
    const MessageReader& message,
    const std::string& from_line
);

/// For a failed call on a mailbox: 4.2.2 when there is no room, else 4.2.0.
mail::RecipientOutcome mailbox_trouble(const std::string& path, const Error& error);

}  // namespace mxpost::local
