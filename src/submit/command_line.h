// The command line: argv → Invocation, by getopt's rules as Sendmail's callers know them.
//
// - Options end at "--" or at the first word that is none (POSIX); what follows are recipients.
// - Letters without a value group (-ti); a value is the rest of the word or the next word (-fX,
//   -f X), but that of -q and -d only the rest of the word.
// - Later flags win over earlier ones; nothing is an error because it is repeated.
// - Letters that Sendmail doesn't know are refused: a word that was meant as something else must
//   not turn into mail.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "submit/invocation.h"

namespace mxpost::submit {

/// `arguments` with argv[0], whose last component chooses the mode (mailq, newaliases, …). An
/// error is a usage error (EX_USAGE): "illegal option -- Z".
Result<Invocation> parse_command_line(std::span<const std::string> arguments);

/// What --help prints.
std::string help_text();

}  // namespace mxpost::submit
