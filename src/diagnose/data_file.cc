#include "diagnose/data_file.h"

#include <algorithm>
#include <unordered_set>

#include "base/text.h"

namespace mxpost::diagnose {
namespace {

constexpr std::string_view kSpace = " \t";
constexpr std::uint64_t kLongestSeconds = 366ULL * 24 * 3600;
constexpr std::uint32_t kLargestNumber = 1'000'000;

std::string_view without_comment(std::string_view line) {
    for (std::size_t at = 0; (at = line.find('#', at)) != std::string_view::npos; ++at) {
        if (at == 0 || kSpace.find(line[at - 1]) != std::string_view::npos) {
            return line.substr(0, at);
        }
    }
    return line;
}

DataLine split_line(std::size_t number, std::string_view line) {
    const std::size_t gap = std::min(line.find_first_of(kSpace), line.size());
    return {number, line.substr(0, gap), trim(line.substr(gap))};
}

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

std::uint64_t unit_seconds(char unit) {
    switch (unit) {
        case 's':
            return 1;
        case 'm':
            return 60;
        case 'h':
            return 3600;
        case 'd':
            return std::uint64_t{24} * 3600;
        default:
            return 0;
    }
}

}  // namespace

Error bad_line(const std::string& file, std::size_t number, const std::string& what) {
    return Error::invalid(file + ":" + std::to_string(number) + ": " + what);
}

std::string quoted(std::string_view text) {
    return "\"" + printable(text, 64) + "\"";
}

std::vector<std::string_view> words(std::string_view text) {
    std::vector<std::string_view> found;
    for (std::size_t at = 0; (at = text.find_first_not_of(", \t", at)) != std::string_view::npos;) {
        const std::size_t end = std::min(text.find_first_of(", \t", at), text.size());
        found.push_back(text.substr(at, end - at));
        at = end;
    }
    return found;
}

Result<std::vector<DataBlock>> parse_blocks(
    const std::string& file, std::string_view text, std::string_view keyword
) {
    std::vector<DataBlock> blocks;
    std::unordered_set<std::string_view> names;
    std::size_t number = 0;
    for (const std::string_view whole : split(text, '\n')) {
        ++number;
        const std::string_view content = trim(without_comment(whole));
        if (content.empty()) {
            continue;
        }
        const DataLine line = split_line(number, content);
        if (line.key == keyword) {
            if (!is_name(line.value)) {
                return bad_line(
                    file,
                    number,
                    std::string(keyword) + " needs a name of a-z, 0-9 and \"-\", not " +
                        quoted(line.value)
                );
            }
            if (!names.insert(line.value).second) {
                return bad_line(file, number, quoted(line.value) + " is there already");
            }
            if (blocks.size() == kMaxBlocks) {
                return bad_line(file, number, "more than " + std::to_string(kMaxBlocks) + " here");
            }
            blocks.push_back({number, line.value, {}});
        } else if (blocks.empty()) {
            return bad_line(
                file,
                number,
                quoted(line.key) + " stands before the first \"" + std::string(keyword) + "\" line"
            );
        } else {
            blocks.back().lines.push_back(line);
        }
    }
    return blocks;
}

Result<std::chrono::seconds> parse_delay(std::string_view text) {
    Error bad =
        Error::invalid("must be a duration such as 90s, 30m, 2h or 1d, not " + quoted(text));
    std::uint64_t sum = 0;
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
        const auto number = parse_unsigned(rest.substr(0, digits));
        const std::uint64_t unit = digits < rest.size() ? unit_seconds(rest[digits]) : 0;
        if (!number || unit == 0 || *number > kLongestSeconds / unit) {
            return bad;
        }
        sum += *number * unit;
        if (sum > kLongestSeconds) {
            return bad;
        }
        rest.remove_prefix(digits + 1);
    }
    return sum == 0 ? Result<std::chrono::seconds>(bad)
                    : std::chrono::seconds(static_cast<std::int64_t>(sum));
}

Result<std::uint32_t> parse_number(std::string_view text) {
    const auto number = parse_unsigned(text);
    if (!number || *number == 0 || *number > kLargestNumber) {
        return Error::invalid("must be a number from 1 on, not " + quoted(text));
    }
    return static_cast<std::uint32_t>(*number);
}

}  // namespace mxpost::diagnose
