// The flag tables: every option of Sendmail's command line, what form it has and what becomes of
// it here. compat/flags.tsv is the same contract for people; a test compares the two.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "submit/invocation.h"

namespace mxpost::submit {

enum class Argument : std::uint8_t {
    none,      // groups with others: -ti
    required,  // -fX or -f X
    lenient,   // as required, but nothing may follow when it is the last word (-C)
    optional   // -qX or -q: never the next word
};

enum class Behaviour : std::uint8_t { honoured, ignored, unavailable };

/// What the parser has gathered: the invocation, and what is decided when all flags are read.
struct Draft {
    Invocation invocation;
    bool wants_daemon = false;      // -bd, smtpd
    bool is_in_foreground = false;  // -bD
    bool has_queue_flag = false;    // -q…
    bool has_queue_group = false;   // -qG
    Mode queue_mode = Mode::flush_queue;
};

/// Takes a flag's value ("" where it has none). An error is the usage error's text.
using Apply = Result<void> (*)(Draft& draft, std::string_view value);

/// One letter: -X.
struct Flag {
    char letter;
    Argument argument;
    Behaviour behaviour;
    std::string_view text;  // one line for people
    Apply apply;
};

/// One mode: -bX. One option: -oX. One kind of queue run: -qX.
struct SubFlag {
    char letter;
    Behaviour behaviour;
    std::string_view text;
    Apply apply;
};

/// -O name=value, which means -o letter.
struct LongOption {
    std::string_view name;
    std::size_t shortest;  // letters that make it unique among Sendmail's names
    char letter;
};

std::span<const Flag> flags();
std::span<const SubFlag> mode_flags();       // -b
std::span<const SubFlag> option_flags();     // -o; letters that aren't there are ignored
std::span<const SubFlag> queue_flags();      // -q; a digit is an interval
std::span<const LongOption> long_options();  // -O; names that aren't there are ignored

}  // namespace mxpost::submit
