// Submission: a message on a descriptor → a committed file in the caller's box.
//
// The content is streamed: header and envelope are held in memory, the body never. Nothing waits
// for the network.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/exit_status.h"
#include "base/fd.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/random.h"
#include "config/settings.h"
#include "mail/envelope.h"
#include "spool/box.h"
#include "spool/message_writer.h"
#include "submit/identity.h"
#include "submit/invocation.h"

namespace mxpost::submit {

/// The system's spool, which is tried after the configured one.
inline constexpr const char* kSystemSpool = "/var/spool/mxpost";
/// Hops of -h and Received fields together, with ours: RFC 5321 6.3 wants at least 100 allowed.
inline constexpr std::uint64_t kMaxHops = 100;

/// Everything that a submission works with. The references outlive it.
struct Surroundings {
    FileSystem& files;
    Clock& clock;
    Random& random;
    Log& log;
    const config::Settings& settings;
    Identity identity;
    HostNames names;
    std::string system_spool;  // kSystemSpool
    std::string full_name;     // the NAME variable, may be empty
};

/// A message that is safe in a box, or waits in memory where there is no spool.
struct Accepted {
    std::string id;
    mail::Envelope envelope;
    std::optional<spool::Box> box;              // none: no spool could be written to
    std::optional<spool::Committed> committed;  // with `box`
    Fd memory_file;                             // without it
};

struct SubmissionResult {
    std::optional<Accepted> accepted;
    ExitStatus status = ExitStatus::ok;  // why not, when there is no `accepted`
    std::string text;                    // one line for stderr, the same
    std::vector<mail::BadAddress> bad;   // recipients that nothing was queued for
};

/// Reads the message from `input` and commits it. `waits`: the caller follows the message's journal
/// (Envelope::is_followed). When it returns without `accepted`, nothing is left in any spool, and
/// the input was read to its end.
SubmissionResult submit_message(
    const Surroundings& surroundings, const Invocation& invocation, bool waits, int input
);

}  // namespace mxpost::submit
