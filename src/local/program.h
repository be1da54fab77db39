// Runs the program of a "|command" target with the message on its standard input (design 7): no
// shell, own session, clean environment, bounded time and output, sysexits understood.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "local/account.h"
#include "local/message_reader.h"
#include "mail/outcome.h"

namespace mxpost::local {

struct Program {
    std::string command;             // as its author wrote it, for messages
    std::vector<std::string> words;  // never empty; a first word without '/' is found in kPath
    std::vector<std::pair<std::string, std::string>> environment;
    std::string directory;  // to start in; "/" where it can't be entered
    std::chrono::seconds time_limit{};
    gid_t group = 0;  // given up to before the program starts: never the mail group
};

inline constexpr const char* kProgramPath = "/usr/local/bin:/usr/bin:/bin";

struct ProgramMail {
    std::string user;    // of whose account
    std::string sender;  // "" null
    std::string recipient;
    std::string original_recipient;
};

/// HOME, USER, LOGNAME, SHELL, PATH, SENDER, RECIPIENT, ORIGINAL_RECIPIENT, LOCAL, DOMAIN, LANG and
/// TZ. What came with the message holds only characters that no shell minds; others become '_'.
std::vector<std::pair<std::string, std::string>> program_environment(
    const Account& account, const ProgramMail& mail
);

/// What an exit status of sysexits.h means to a sender. `output`: what the program said.
mail::RecipientOutcome outcome_of_exit(
    int status, const std::string& command, std::string_view output
);

/// Runs it to its end, or kills its process group at the time limit (deferred). The message goes to
/// its standard input behind `from_line`; a program that doesn't read all of it is no error.
/// The calling process has no other children and ignores SIGPIPE.
mail::RecipientOutcome run_program(
    const Program& program, const MessageReader& message, const std::string& from_line
);

}  // namespace mxpost::local
