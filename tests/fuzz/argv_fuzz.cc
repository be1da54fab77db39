// A command line of sendmail, whatever its words: either one line that says what is wrong with it,
// or an invocation whose values are bounded and fit for where they go.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "submit/command_line.h"

namespace {

void require(bool is_true) {
    if (!is_true) {
        std::abort();
    }
}

}  // namespace

/// Words between NULs; the first one is argv[0].
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace mxpost;
    std::vector<std::string> words;
    for (const std::string_view word :
         split(std::string_view(reinterpret_cast<const char*>(data), size), '\0')) {
        words.emplace_back(word);
    }
    const auto parsed = submit::parse_command_line(words);
    if (!parsed) {
        require(!parsed.error().message().empty());
        return 0;
    }
    // Each operand is one of the words, in their order, and nothing behind "--" is an option.
    std::size_t at = 1;
    for (const std::string& operand : parsed->operands) {
        while (at < words.size() && words[at] != operand) {
            ++at;
        }
        require(at++ < words.size());
    }
    // What goes into MAIL FROM is printable.
    require(printable(parsed->envelope_id, size) == parsed->envelope_id);
    const auto again = submit::parse_command_line(words);
    require(again.has_value() && again->operands == parsed->operands);
    require(again->mode == parsed->mode && again->sender == parsed->sender);
    return 0;
}
