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

}  // namespace mxpost::mail
