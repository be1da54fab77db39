#include "base/base32.h"

namespace mxpost {
namespace {

constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";

}  // namespace

std::string to_base32(std::uint64_t value, std::size_t digits) {
    std::string text(digits, '0');
    for (std::size_t i = digits; i > 0; --i) {
        text[i - 1] = kDigits[value & 31];
        value >>= 5;
    }
    return text;
}

std::optional<std::uint64_t> from_base32(std::string_view text) {
    if (text.empty()) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    for (const char c : text) {
        const std::size_t digit = kDigits.find(c);
        if (digit == std::string_view::npos || value >> 59 != 0) {
            return std::nullopt;
        }
        value = value << 5 | digit;
    }
    return value;
}

}  // namespace mxpost
