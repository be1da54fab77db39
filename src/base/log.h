// The log: one line an event, to syslog's mail facility, to stderr, or to a file.
//
// A line is plain text in the form that Postfix made familiar ("ID: to=<a@b>, …, status=sent (…)").
// Writing never blocks on another process (a full syslog socket drops the line and counts it) and
// never fails the caller.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace mxpost {

enum class Priority {
    error = 3,
    warning = 4,
    notice = 5,
    info = 6,
    debug = 7
};  // RFC 5424's numbers

class Log {
public:
    virtual ~Log() = default;
    /// `line` without line end. Control characters are replaced before it is written.
    virtual void write(Priority priority, std::string_view line) = 0;

    void error(std::string_view line) { write(Priority::error, line); }
    void warning(std::string_view line) { write(Priority::warning, line); }
    void info(std::string_view line) { write(Priority::info, line); }
};

/// What becomes of a line for which a syslog daemon has no room: it goes nowhere, or is waited for,
/// shortly, and where the daemon doesn't read at all not again for a second.
enum class SlowSyslog : std::uint8_t { drop, wait };

/// Opens the log that `target` names: "syslog", "stderr", or a path (opened for appending with the
/// caller's rights; never through a symbolic link in the last component). "syslog" falls back to
/// stderr where there is no /dev/log; a file that can't be opened falls back to the same choice,
/// and says so there. `program` is the tag, such as "mxpost/sendmail".
std::unique_ptr<Log> open_log(
    std::string_view target, std::string program, SlowSyslog slow = SlowSyslog::wait
);

/// Throws everything away.
class NullLog final : public Log {
public:
    void write(Priority, std::string_view) override {}
};

}  // namespace mxpost
