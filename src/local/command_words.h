// The words of a "|command" target. No shell ever reads it: quotes work as in one, and what only a
// shell could do is an error that says so, not something else than its author meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mxpost::local {

/// "/usr/bin/vacation -t 7d 'alice smith'" → its words. Single quotes keep everything, double
/// quotes everything but backslash before '"', '\', '$' and '`'; outside of both a backslash keeps
/// the next character. "exec" as first word is passed over. Errors: no word, an open quote, and
/// shell syntax outside of quotes (; & | < > ( ) * ? [, $ and ` in double quotes too, a word that
/// begins with ~ or #, VARIABLE=value as first word).
Result<std::vector<std::string>> split_command(std::string_view command);

}  // namespace mxpost::local
