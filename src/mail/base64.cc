#include "mail/base64.h"

#include <cstddef>
#include <cstdint>

namespace mxpost::mail {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64_encoded(std::string_view octets) {
    std::string result;
    result.reserve((octets.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < octets.size(); i += 3) {
        const std::string_view group = octets.substr(i, 3);
        std::uint32_t bits = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            bits = (bits << 8U) | (k < group.size() ? static_cast<unsigned char>(group[k]) : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            result += k <= group.size() ? kDigits[(bits >> (18 - 6 * k)) & 63U] : '=';
        }
    }
    return result;
}

std::optional<std::string> base64_decoded(std::string_view text) {
    if (text.size() % 4 != 0) {
        return std::nullopt;
    }
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
    text.remove_suffix(padding);
    std::string result;
    result.reserve(text.size() * 3 / 4);
    std::uint32_t bits = 0;
    std::size_t bit_count = 0;
    for (const char c : text) {
        const auto digit = kDigits.find(c);
        if (digit == std::string_view::npos) {
            return std::nullopt;
        }
        bits = (bits << 6U | static_cast<std::uint32_t>(digit)) & 0xffffU;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            result += static_cast<char>((bits >> bit_count) & 0xffU);
        }
    }
    if ((bits & ((1U << bit_count) - 1)) != 0) {
        return std::nullopt;  // RFC 4648 3.5: two texts for one value
    }
    return result;
}

}  // namespace mxpost::mail
