// Any input becomes canonical text, the same wherever it is cut. First octet: options and cuts.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "canonical_message.h"
#include "mail/header.h"
#include "mail/input_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace mxpost;
    if (size == 0) {
        return 0;
    }
    const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
    mail::InputOptions options;
    options.ends_at_dot = (data[0] & 1U) != 0;
    options.max_header = (data[0] & 2U) != 0 ? 64 : 1 << 20;
    const fuzz::CanonicalMessage whole = fuzz::canonical_message(input, options, size);
    const fuzz::CanonicalMessage cut =
        fuzz::canonical_message(input, options, (data[0] >> 2U) % 16 + 1U);
    fuzz::require(whole.is_refused == cut.is_refused);
    if (whole.is_refused) {
        return 0;
    }
    fuzz::require(whole.header == cut.header && whole.body == cut.body);
    fuzz::require(whole.is_ended == cut.is_ended);
    fuzz::require(whole.facts.dropped_nuls == cut.facts.dropped_nuls);
    fuzz::require(whole.facts.bare_carriage_returns == cut.facts.bare_carriage_returns);
    fuzz::require(whole.facts.body_octets == whole.body.size());

    const std::size_t longest =
        std::max(fuzz::require_canonical(whole.header), fuzz::require_canonical(whole.body));
    fuzz::require(whole.facts.has_long_lines == (longest > mail::kMaxLineLength));
    std::string_view rest = whole.header;
    for (bool is_first = true; !rest.empty(); is_first = false) {
        const mail::HeaderLine kind = mail::classify_header_line(rest.substr(0, rest.find('\r')));
        fuzz::require(
            kind == mail::HeaderLine::field || (kind == mail::HeaderLine::continuation && !is_first)
        );
        rest.remove_prefix(rest.find('\n') + 1);
    }
    return 0;
}
