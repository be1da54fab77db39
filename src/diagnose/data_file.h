// What the two data files (replies, providers) have in common: blocks of "key value" lines.
//
//     rule mailbox-full        # a comment
//         code    552
//         scope   recipient
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mxpost::diagnose {

inline constexpr std::size_t kLargestDataFile = 1U << 20U;
inline constexpr std::size_t kMaxBlocks = 2000;

struct DataLine {
    std::size_t number = 0;  // from 1
    std::string_view key;
    std::string_view value;  // trimmed; may be empty
};

/// Views into the text.
struct DataBlock {
    std::size_t number = 0;
    std::string_view name;  // letters, digits and hyphens
    std::vector<DataLine> lines;
};

/// `keyword` begins a block: "rule". '#' at the front of a line or behind white space begins a
/// comment. Indentation is for people. An error is one line with `file` and the line's number.
/// Names are unique. Linear work.
Result<std::vector<DataBlock>> parse_blocks(
    const std::string& file, std::string_view text, std::string_view keyword
);

/// "FILE:LINE: WHAT".
Error bad_line(const std::string& file, std::size_t number, const std::string& what);

/// For messages: printable, bounded, in double quotes.
std::string quoted(std::string_view text);
/// Pieces between white space and commas.
std::vector<std::string_view> words(std::string_view text);
/// "90s", "30m", "2h", "1d", or a sum such as "1h30m"; from a second to a year.
Result<std::chrono::seconds> parse_delay(std::string_view text);
/// A decimal number from 1 to a million.
Result<std::uint32_t> parse_number(std::string_view text);

}  // namespace mxpost::diagnose
