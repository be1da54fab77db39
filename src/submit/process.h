// What a program that anything may start has to set right in its own process first: descriptors 0
// to 2, signals, and an input whose writer must not be cut off.
#pragma once

#include <cstddef>
#include <span>

#include <sys/types.h>

#include "base/result.h"

namespace mxpost::submit {

/// Opens something harmless on each of the descriptors 0, 1 and 2 that is closed, so that no spool
/// file becomes one of them. Returns whether descriptor 0 was open.
bool occupy_standard_descriptors();

/// A write to a closed pipe, or past RLIMIT_FSIZE, becomes an error instead of the process's end;
/// children can be waited for.
void ignore_write_signals();

/// Children end without a trace, and can't be waited for.
void ignore_children();

/// SIGHUP, SIGINT, SIGQUIT and SIGTERM while a message is being taken. Before the commit they end
/// the process with EX_TEMPFAIL and a line on stderr, nothing being queued; after it with 0, as the
/// message is safe. During the commit they wait. Signals that the caller ignores stay ignored.
namespace interruption {
void arm();
void begin_commit();
/// `is_committed` false: as after arm().
void end_commit(bool is_committed);
/// Whether there is something to lose: false between the messages of a dialogue, when a signal
/// ends the process with 0.
void set_message_pending(bool is_pending);
/// After begin_commit(): the message is an engine's to send, there being no queue, and so are the
/// signals: told to end it finishes what is under way and says how far it got.
void begin_passing_on(pid_t engine);
/// The engine has ended. The signals wait, as after begin_commit().
void end_passing_on();
}  // namespace interruption

/// The next octets of `fd`, 0 at its end. Waits where `fd` is non-blocking.
Result<std::size_t> read_some(int fd, std::span<char> buffer);

/// Reads `fd` to its end, so that its writer gets no SIGPIPE while we refuse. Does nothing on a
/// terminal, whose user would have to type on.
void drain(int fd);

/// The same for what stands behind a message that a lone dot ended: only as long as more comes
/// without a pause, for the writer may leave its pipe open and wait for us.
void drain_rest(int fd);

}  // namespace mxpost::submit
