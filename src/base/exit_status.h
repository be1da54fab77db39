// Exit codes of sysexits.h, in one place. compat/exit-codes.tsv says which failure gives which.
#pragma once

namespace mxpost {

enum class ExitStatus : int {
    ok = 0,
    usage = 64,          // EX_USAGE: the command line is wrong, or names nobody
    data_error = 65,     // EX_DATAERR: the message or an address in it is wrong
    no_input = 66,       // EX_NOINPUT: there is no standard input
    no_user = 67,        // EX_NOUSER: a recipient doesn't exist (synchronous modes)
    no_host = 68,        // EX_NOHOST: a recipient's domain doesn't exist (synchronous modes)
    unavailable = 69,    // EX_UNAVAILABLE: refused, too big, or a mode that isn't there
    software = 70,       // EX_SOFTWARE: a bug
    os_error = 71,       // EX_OSERR: fork, pipe
    io_error = 74,       // EX_IOERR: standard input can't be read
    temp_fail = 75,      // EX_TEMPFAIL: nothing was accepted, try again later
    no_permission = 77,  // EX_NOPERM
    config = 78          // EX_CONFIG: mxpost.conf is wrong
};

}  // namespace mxpost
