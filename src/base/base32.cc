#include "base/base32.h"

#include <array>

namespace mxpost {
namespace {

constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::uint8_t kNoDigit = 32;

/// The value of each character: a large queue is millions of these.
constexpr std::array<std::uint8_t, 256> kValues = [] {
    std::array<std::uint8_t, 256> values{};
    values.fill(kNoDigit);
    for (std::size_t digit = 0; digit < kDigits.size(); ++digit) {
        values.at(static_cast<unsigned char>(kDigits[digit])) = static_cast<std::uint8_t>(digit);
    }
    return values;
}();

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
        const std::uint8_t digit = kValues[static_cast<unsigned char>(c)];
        if (digit == kNoDigit || value >> 59 != 0) {
            return std::nullopt;
        }
        value = value << 5 | digit;
    }
    return value;
}

}  // namespace mxpost
